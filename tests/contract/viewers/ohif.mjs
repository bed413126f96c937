// Does OHIF's own SOP class handler, as it is published, load a structured report?
// The bundle gets the real cornerstone packages; the rest of the viewer is stood in for.
// usage: node ohif.mjs CASES.json, from a folder in which the packages are installed
import fs from 'node:fs';
import vm from 'node:vm';
import * as adapters from '@cornerstonejs/adapters';
import * as core from '@cornerstonejs/core';
import * as glMatrix from 'gl-matrix';
import { answer, marks, register } from './files.mjs';

globalThis.HTMLDivElement ??= class {};
globalThis.CustomEvent ??= class {};
const tools = await import('@cornerstonejs/tools'); // looks for the classes above

const BUNDLE = 'ohif/package/dist/ohif-extension-cornerstone-dicom-sr.umd.js';
const quiet = () => {};
/** Anything: it can be read, called and constructed, and gives itself. */
const any = () => new Proxy(class {}, {
  get: (target, key) => {
    if (key === 'prototype') return target.prototype;
    return key === Symbol.toPrimitive ? () => 'any' : any();
  },
  apply: () => any(),
  construct: () => ({}),
});

let images = {};
const core_of_the_viewer = {
  utils: {
    sortStudyInstances: quiet,
    guid: () => 'guid',
    sortDisplaySetsCopy: (sets) => sets,
    sopClassDictionary: {
      BasicTextSR: '1.2.840.10008.5.1.4.1.1.88.11',
      EnhancedSR: '1.2.840.10008.5.1.4.1.1.88.22',
      ComprehensiveSR: '1.2.840.10008.5.1.4.1.1.88.33',
      Comprehensive3DSR: '1.2.840.10008.5.1.4.1.1.88.34',
    },
  },
  classes: {
    MetadataProvider: {
      getUIDsFromImageID: (id) => ({ SOPInstanceUID: images[id].SOPInstanceUID, frameNumber: 1 }),
    },
    ImageSet: class {},
  },
  DicomMetadataStore: any(),
  DisplaySetService: any(),
  default: any(),
};
const packages = {
  '@ohif/core': core_of_the_viewer,
  '@ohif/extension-cornerstone': {
    Enums: {
      CORNERSTONE_3D_TOOLS_SOURCE_NAME: 'Cornerstone3DTools',
      CORNERSTONE_3D_TOOLS_SOURCE_VERSION: '0.1',
    },
    usePositionPresentationStore: () => ({}),
    OHIFCornerstoneViewport: any(),
  },
  '@ohif/i18n': { __esModule: true, default: { t: (text) => text } },
  '@cornerstonejs/adapters': adapters,
  '@cornerstonejs/core': core,
  '@cornerstonejs/tools': tools,
  'gl-matrix': glMatrix,
};

function extension() {
  const code = fs.readFileSync(BUNDLE, 'utf8');
  const loaded = { exports: {} };
  const wrapped = `(function (module, exports, require, globalThis) {${code}\n})`;
  const require = (name) => packages[name] ?? any();
  vm.runInThisContext(wrapped).call(loaded.exports, loaded, loaded.exports, require, globalThis);
  return loaded.exports.default ?? loaded.exports;
}

const TOOLS = [
  'Length', 'Bidirectional', 'EllipticalROI', 'CircleROI', 'ArrowAnnotate', 'Probe',
  'RectangleROI', 'PlanarFreehandROI',
];
let displaySets = [];
const handlers = extension().getSopClassHandlerModule({
  servicesManager: {
    services: {
      displaySetService: {
        get activeDisplaySets() { return displaySets; },
        EVENTS: {},
        subscribe: quiet,
        getActiveDisplaySets: () => displaySets,
      },
      measurementService: {
        getSourceMappings: () => TOOLS.map((annotationType) => ({ annotationType })),
      },
      customizationService: { getCustomization: () => undefined },
      uiNotificationService: { show: quiet },
    },
  },
  extensionManager: {
    getDataSources: () => [{
      getImageIdsForDisplaySet: (set) => set.images.map((i) => `dicom:${i.SOPInstanceUID}`),
      retrieve: {},
    }],
    getActiveDataSource: () => [{}],
  },
});

await answer(async (report, paths) => {
  const handler = handlers.find((one) => one.sopClassUids.includes(report.SOPClassUID));
  if (!handler) return { handler: null };
  images = register(core.metaData, paths).byId;
  displaySets = Object.values(images).map((image) => ({
    displaySetInstanceUID: `set:${image.SOPInstanceUID}`,
    images: [image],
    StudyInstanceUID: image.StudyInstanceUID,
    FrameOfReferenceUID: image.FrameOfReferenceUID,
  }));
  tools.annotation.state.removeAllAnnotations();
  const [set] = handler.getDisplaySetsFromSeries([report]);
  await set.load();
  const drawn = tools.annotation.state.getAllAnnotations();
  return {
    handler: handler.name,
    isMeasurementReport: set.isImagingMeasurementReport,
    isRehydratable: set.isRehydratable,
    measurements: (set.measurements ?? []).map((one) => ({
      trackingIdentifier: one.TrackingIdentifier,
      loaded: one.loaded,
      labels: (one.labels ?? []).map(({ label, value }) => `${label}: ${value}`),
    })),
    marks: marks(drawn.map((annotation) => ({ annotation }))),
  };
});
