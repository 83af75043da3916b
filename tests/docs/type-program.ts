import { join } from 'node:path';
import ts from 'typescript';
import { fromRepository, REPOSITORY } from './markdown.js';

/** A property of a type as its source documents it. */
export interface DocumentedProperty {
  name: string;
  /** The text of its `@default` tag. */
  defaultText: string | undefined;
}

type Texts = ReadonlyMap<string, string>;

/** A TypeScript program over this repository's sources, and over files that exist only here. */
export class TypeProgram {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;

  private constructor(roots: readonly string[], options: ts.CompilerOptions, texts: Texts) {
    this.#program = ts.createProgram(roots, options, hostWith(texts, options));
    this.#checker = this.#program.getTypeChecker();
  }

  /** Files that exist only here, by path from the repository's folder. In them `tutti` is `src/index.ts`. */
  static ofTexts(texts: Texts): TypeProgram {
    const absolute = new Map([...texts].map(([path, text]) => [join(REPOSITORY, path), text]));
    return new TypeProgram([...absolute.keys()], compilerOptions(), absolute);
  }

  /** Files of the repository with all that they import. */
  static ofModules(files: readonly string[]): TypeProgram {
    return new TypeProgram(
      files.map((path) => join(REPOSITORY, path)),
      compilerOptions(),
      new Map(),
    );
  }

  /** Files of the repository, for their own types alone: what they import from others is not looked at, which is quick. */
  static ofFiles(files: readonly string[]): TypeProgram {
    const roots = files.map((path) => join(REPOSITORY, path));
    const options = { ...compilerOptions(), lib: ['lib.es5.d.ts'], types: [], noResolve: true };
    return new TypeProgram(roots, options, new Map());
  }

  /** What is wrong with the files it was made of, one line each; what they import is checked elsewhere. */
  problems(): string[] {
    const sources = this.#program.getRootFileNames().map((path) => this.#program.getSourceFile(path));
    const diagnostics = sources.flatMap((source) => ts.getPreEmitDiagnostics(this.#program, source));
    return diagnostics.map((diagnostic) => {
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
      if (diagnostic.file === undefined) return text;
      const { line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
      return `${fromRepository(diagnostic.file.fileName)}:${line + 1} ${text}`;
    });
  }

  /** The properties of an exported type; of one of its properties' type where `property` is given. */
  properties(file: string, typeName: string, property?: string): DocumentedProperty[] {
    const source = this.#program.getSourceFile(join(REPOSITORY, file));
    const module = this.#checker.getSymbolAtLocation(source as ts.SourceFile) as ts.Symbol;
    const symbol = this.#checker.getExportsOfModule(module).find(({ name }) => name === typeName);
    let type = this.#checker.getDeclaredTypeOfSymbol(symbol as ts.Symbol);
    if (property !== undefined) {
      type = this.#checker.getTypeOfSymbol(type.getProperty(property) as ts.Symbol);
    }
    return this.#checker.getPropertiesOfType(type).map((member) => ({
      name: member.name,
      defaultText: member
        .getJsDocTags(this.#checker)
        .find((tag) => tag.name === 'default')
        ?.text?.map((part) => part.text)
        .join(''),
    }));
  }
}

function compilerOptions(): ts.CompilerOptions {
  const path = join(REPOSITORY, 'tsconfig.json');
  const { config } = ts.readConfigFile(path, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, REPOSITORY);
  const paths = { tutti: ['./src/index.ts'], 'tutti/*': ['./src/*/index.ts'] };
  // What a reader copies need not use every name, and the libraries' own types are checked elsewhere.
  return {
    ...options,
    noUnusedLocals: false,
    noUnusedParameters: false,
    allowJs: true,
    skipLibCheck: true,
    paths,
  };
}

function hostWith(texts: Texts, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  const { getSourceFile } = host;
  host.getSourceFile = (path, target, ...rest) => {
    const text = texts.get(path);
    return text === undefined
      ? getSourceFile(path, target, ...rest)
      : ts.createSourceFile(path, text, target);
  };
  return host;
}
