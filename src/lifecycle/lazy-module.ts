/** A module that is loaded when something needs it, not with the package. Once it is loaded it is there at once. */
export class LazyModule<Module> {
  readonly #importIt: () => Promise<Module>;
  #loading: Promise<Module> | undefined = undefined;
  #loaded: Module | undefined = undefined;

  constructor(importIt: () => Promise<Module>) {
    this.#importIt = importIt;
  }

  /** The module; `undefined` until it has been loaded. */
  get loaded(): Module | undefined {
    return this.#loaded;
  }

  /** Gives it the module, where that was loaded in another way. */
  provide(module: Module): void {
    this.#loaded = module;
  }

  /** Loads the module, once. Rejects where that fails; then the next one to ask tries again. */
  load(): Promise<Module> {
    if (this.#loaded !== undefined) return Promise.resolve(this.#loaded);
    this.#loading ??= this.#importIt().then(
      (module) => {
        this.#loaded = module;
        return module;
      },
      (error: unknown) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }
}

/** Loads the modules; `undefined` where all of them are loaded, which is asked for every call. */
export function loadMissing(modules: readonly LazyModule<unknown>[]): Promise<unknown> | undefined {
  for (const { loaded } of modules) {
    if (loaded === undefined) return Promise.all(modules.map((module) => module.load()));
  }
  return undefined;
}
