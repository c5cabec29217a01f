// Functions of the components' scripts, for tests. The scripts are joined, not modules: they are read as one function.
import { readFileSync } from "node:fs";
import { compileFunction } from "node:vm";

const WEB = new URL("../../components/web/", import.meta.url);

// The functions and constants `names` of the joined `files` below components/web; `globals` stand for the browser's.
export function joined(files, names, globals = {}) {
  const source = files.map((file) => readFileSync(new URL(file, WEB), "utf8")).join("\n");
  const body = `${source.replace("export default function", "function component")}\nreturn { ${names.join(", ")} };`;
  return compileFunction(body, Object.keys(globals), { filename: files.at(-1) })(...Object.values(globals));
}
