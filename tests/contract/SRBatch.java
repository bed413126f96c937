// Runs PixelMed's DicomSRValidator on many files in one JVM: its rules take seconds to load.
// Prints "=== FILE" and then the validator's own lines; the caller judges them.

import com.pixelmed.validate.DicomSRValidator;

public class SRBatch {
    public static void main(String[] files) throws Exception {
        DicomSRValidator validator = new DicomSRValidator();
        validator.setOptionCheckTemplateID(true);
        for (String file : files) {
            System.out.println("=== " + file);
            System.out.println(validator.validate(file));
        }
    }
}
