import { join } from 'node:path';
import ts from 'typescript';
import { REPOSITORY } from './markdown.js';

/** A property of a type as its source documents it. */
export interface DocumentedProperty {
  name: string;
  /** The text of its `@default` tag. */
  defaultText: string | undefined;
}

/** A TypeScript program over this repository's sources. */
export class TypeProgram {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;

  private constructor(files: readonly string[], options: ts.CompilerOptions) {
    const roots = files.map((path) => join(REPOSITORY, path));
    this.#program = ts.createProgram(roots, options);
    this.#checker = this.#program.getTypeChecker();
  }

  /** Files of the repository with all that they import, without the types of Node and the newer ones of the language. */
  static ofModules(files: readonly string[]): TypeProgram {
    return new TypeProgram(files, { ...compilerOptions(), lib: ['lib.es5.d.ts'], types: [] });
  }

  /** Files of the repository, for their own types alone: what they import from others is not looked at, which is quick. */
  static ofFiles(files: readonly string[]): TypeProgram {
    const options = { ...compilerOptions(), lib: ['lib.es5.d.ts'], types: [], noResolve: true };
    return new TypeProgram(files, options);
  }

  /** The strings of an exported union of string literals. */
  literals(file: string, typeName: string): string[] {
    const type = this.#exported(file, typeName);
    return (type.isUnion() ? type.types : [type]).flatMap((member) =>
      member.isStringLiteral() ? [member.value] : [],
    );
  }

  /** The properties of an exported type; of one of its properties' type where `property` is given. */
  properties(file: string, typeName: string, property?: string): DocumentedProperty[] {
    let type = this.#exported(file, typeName);
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

  #exported(file: string, typeName: string): ts.Type {
    const source = this.#program.getSourceFile(join(REPOSITORY, file));
    const module = this.#checker.getSymbolAtLocation(source as ts.SourceFile) as ts.Symbol;
    const symbol = this.#checker.getExportsOfModule(module).find(({ name }) => name === typeName);
    return this.#checker.getDeclaredTypeOfSymbol(symbol as ts.Symbol);
  }
}

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(REPOSITORY, 'tsconfig.json'), ts.sys.readFile);
  return ts.parseJsonConfigFileContent(config, ts.sys, REPOSITORY).options;
}
