// DICOM files as the viewers get them: naturalised by dcmjs, found again by an image id.
import fs from 'node:fs';
import dcmjs from 'dcmjs';

dcmjs.log?.setLevel?.('error');

// Not square, so that a swapped axis shows in the points.
const ROW_SPACING = 2;
const COLUMN_SPACING = 3;

/**
 * One data set up to its pixels, keywords as properties.
 *
 * dcmjs refuses a file of more than one character set unless it is told to ignore errors. Viewers
 * get such a data set as the JSON of DICOMweb, where the server has decoded the names.
 */
export function read(path, options = { ignoreErrors: true }) {
  const bytes = fs.readFileSync(path);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const file = dcmjs.data.DicomMessage.readFile(buffer, { untilTag: '7FE00010', ...options });
  const dataset = dcmjs.data.DicomMetaDictionary.naturalizeDataset(file.dict);
  dataset._meta = file.meta;
  return dataset;
}

/** Register images as a viewer does; give image ids by SOP Instance UID. */
export function register(metaData, paths) {
  const byId = {};
  const ids = {};
  for (const image of paths.map((path) => read(path))) {
    ids[image.SOPInstanceUID] = `dicom:${image.SOPInstanceUID}`;
    byId[ids[image.SOPInstanceUID]] = image;
  }
  metaData.removeAllProviders?.();
  metaData.addProvider((type, id) => {
    const image = byId[id];
    if (image && type === 'instance') return image;
    if (!image || type !== 'imagePlaneModule') return undefined;
    return {
      frameOfReferenceUID: image.FrameOfReferenceUID,
      rows: image.Rows,
      columns: image.Columns,
      imageOrientationPatient: [1, 0, 0, 0, 1, 0],
      rowCosines: [1, 0, 0],
      columnCosines: [0, 1, 0],
      imagePositionPatient: [0, 0, 0],
      pixelSpacing: [ROW_SPACING, COLUMN_SPACING],
      rowPixelSpacing: ROW_SPACING,
      columnPixelSpacing: COLUMN_SPACING,
      usingDefaultValues: true,
    };
  }, 1000);
  return { ids, byId };
}

/** What Python compares: the image, its corners in stored pixels, and the texts shown. */
export function marks(annotations) {
  return annotations.map(({ annotation, finding }) => ({
    tool: annotation.metadata.toolName,
    image: annotation.metadata.referencedImageId?.replace('dicom:', ''),
    label: annotation.data.label,
    finding: finding?.CodeMeaning,
    // Cornerstone counts from the centre of the first pixel, an SCOORD from its outer corner.
    // It takes the spacing of rows along a row; mammograms have square pixels.
    points: annotation.data.handles?.points?.map(([x, y]) => [
      x / ROW_SPACING + 0.5,
      y / COLUMN_SPACING + 0.5,
    ]),
  }));
}

/** Why dcmjs would not open the file itself; "" when it would. */
export function refusal(path) {
  try {
    read(path, {});
    return '';
  } catch (error) {
    return error.message;
  }
}

/** Handle each case of the JSON file named on the command line; print the answers as JSON. */
export async function answer(handle) {
  const print = console.log.bind(console);
  const answers = {};
  for (const method of ['log', 'info', 'warn', 'error', 'debug']) console[method] = () => {};
  for (const { name, report, images } of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
    try {
      answers[name] = { refusal: refusal(report), ...(await handle(read(report), images)) };
    } catch (error) {
      answers[name] = { error: error.message };
    }
  }
  print(JSON.stringify(answers));
  process.exit(0); // cornerstone leaves timers behind
}
