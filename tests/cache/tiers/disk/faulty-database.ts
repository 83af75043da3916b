import type { Database, RunStatement } from '../../../../src/sqlite/open-database.js';

/** A database that asks about every statement first: what comes back in place of `undefined` is its failure. */
export function faultyDatabase(
  database: Database,
  faultOf: (sql: string) => Error | undefined,
  fileState: Database['fileState'] = () => database.fileState(),
): Database {
  const over =
    (run: RunStatement): RunStatement =>
    (sql, params) => {
      const fault = faultOf(sql);
      return fault === undefined ? run(sql, params) : Promise.reject(fault);
    };
  const { path, driver, sqliteVersion, movedAside } = database;
  return {
    path,
    driver,
    sqliteVersion,
    movedAside,
    query: over((sql, params) => database.query(sql, params)),
    read: over((sql, params) => database.read(sql, params)),
    exclusively: (work) => database.exclusively((run) => work(over(run))),
    transaction: (work) => database.transaction((run) => work(over(run))),
    fileState,
    close: () => database.close(),
  };
}
