import assert from "node:assert/strict";
import { test } from "node:test";

import { urlWithSlice } from "../../../app/editor/slice/page_url.js";

const source = (project, volume, z) => ({ base: `/underpaint/api/${project}/${volume}/${z}`, volume, z });

test("the address names project, volume and slice", () => {
  const href = urlWithSlice("http://127.0.0.1:8501/annotate", source("toy", 1, 50));
  assert.equal(href, "http://127.0.0.1:8501/annotate?project=toy&volume=1&slice=50");
});

test("another slice takes the place of the one before, and all else stays", () => {
  const href = urlWithSlice("http://127.0.0.1:8501/a/annotate?embed=true&slice=50&volume=0#top", source("toy", 0, 51));
  assert.equal(href, "http://127.0.0.1:8501/a/annotate?embed=true&slice=51&volume=0&project=toy#top");
});

test("a project's name is written as it is, not as it stands in a route", () => {
  const href = urlWithSlice("http://127.0.0.1:8501/annotate", source("my%20sample", 0, 1));
  assert.equal(new URL(href).searchParams.get("project"), "my sample");
});
