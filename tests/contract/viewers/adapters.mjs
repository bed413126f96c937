// Does cornerstone turn each box of a TID 1500 report into a measurement that can be edited?
// usage: node adapters.mjs CASES.json, from a folder in which the packages are installed
import { adaptersSR } from '@cornerstonejs/adapters';
import { metaData } from '@cornerstonejs/core';
import { answer, marks, register } from './files.mjs';

const { MeasurementReport } = adaptersSR.Cornerstone3D;

await answer(async (report, paths) => {
  const { ids } = register(metaData, paths);
  const byFrame = Object.fromEntries(
    Object.entries(ids).flatMap(([uid, id]) => [[uid, id], [`${uid}:1`, id]]),
  );
  const state = MeasurementReport.generateToolState(report, byFrame, metaData, {});
  const annotations = Object.entries(state).flatMap(([tool, found]) =>
    found.map(({ annotation, finding }) => {
      annotation.metadata.toolName = tool;
      return { annotation, finding };
    }),
  );
  return { marks: marks(annotations) };
});
