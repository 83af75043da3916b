import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';

const ROOT = process.cwd();
const GUIDES = join(ROOT, 'docs/guides');

/** Every `ts` block of every guide, as a file that stands beside the guide. */
function snippets(): Map<string, string> {
  const found = new Map<string, string>();
  for (const guide of readdirSync(GUIDES, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  )) {
    const blocks = readFileSync(join(GUIDES, guide), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm);
    for (const [index, [, code]] of [...blocks].entries()) {
      found.set(join(GUIDES, `${guide}.${index + 1}.mts`), `${code}\nexport {};\n`);
    }
  }
  return found;
}

function problems(files: Map<string, string>): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
    paths: { tutti: [join(ROOT, 'src/index.ts')], 'tutti/*': [join(ROOT, 'src/*/index.ts')] },
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, languageVersion, ...rest) => {
    const code = files.get(name);
    return code === undefined
      ? getSourceFile(name, languageVersion, ...rest)
      : ts.createSourceFile(name, code, languageVersion);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
  });
}

describe('the snippets of the guides', () => {
  test('compile against the package', () => {
    const files = snippets();
    expect(files.size).toBeGreaterThan(0);
    expect(problems(files)).toEqual([]);
  }, 60_000);
});
