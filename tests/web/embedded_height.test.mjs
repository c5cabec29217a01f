// The height that an embedded chart tells the page around.
import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "./joined.mjs";

const { heightMessage } = joined(["embedded_height/embedded_height.js"], ["heightMessage"]);

test("a height is whole pixels, none cut off", () => {
  assert.deepEqual(heightMessage(566.2), { type: "logitscope:height", height: 567 });
  assert.deepEqual(heightMessage(0), { type: "logitscope:height", height: 0 });
});
