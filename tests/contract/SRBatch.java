// Runs PixelMed's DicomSRValidator on many files in one JVM: its rules take seconds to load.
// Prints "=== FILE" and then the validator's own lines; the caller judges them.

import com.pixelmed.validate.DicomSRValidator;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class SRBatch {
    // One for each thread: nobody says that it may be shared.
    private static final ThreadLocal<DicomSRValidator> VALIDATOR = ThreadLocal.withInitial(() -> {
        try {
            DicomSRValidator validator = new DicomSRValidator();
            validator.setOptionCheckTemplateID(true);
            return validator;
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    });

    public static void main(String[] files) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        List<Future<String>> said = new ArrayList<>();
        for (String file : files) {
            said.add(threads.submit(() -> VALIDATOR.get().validate(file)));
        }
        for (int place = 0; place < files.length; place++) {
            System.out.println("=== " + files[place]);
            System.out.println(said.get(place).get());
        }
        threads.shutdown();
    }
}
