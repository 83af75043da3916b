// The floors of the house: a file imports from its own room, from errors/, and from rooms on lower floors.
// See docs/decisions/0004-floors.md. A new room takes one line here.
const FLOORS = [
  ['errors', 'time', 'events', 'collections', 'logging', 'lifecycle', 'input', 'hashing'],
  ['contracts'],
  ['resilience', 'streaming', 'output', 'sqlite'],
  ['agents', 'providers', 'cache', 'runs'],
  ['orchestrator'],
];
/** Imports between rooms of one floor that are wanted. */
const SIDEWAYS = { lifecycle: ['time'], input: ['time'] };

const rules = FLOORS.flatMap((rooms, floor) =>
  rooms.map((room) => {
    const allowed = [room, 'errors', ...FLOORS.slice(0, floor).flat(), ...(SIDEWAYS[room] ?? [])];
    return {
      name: `floor-${room}`,
      comment: `src/${room} imports only from its own room, errors/ and lower floors`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: '^src/', pathNot: `^src/(${allowed.join('|')})/` },
    };
  }),
);

module.exports = {
  forbidden: [
    ...rules,
    { name: 'no-ring', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'nobody-imports-testing',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'no-index-inside',
      comment: 'index.ts is for users; inside the house the file itself is imported',
      severity: 'error',
      from: { path: '^src/.+/', pathNot: '/index\\.ts$' },
      to: { path: '/index\\.ts$' },
    },
    {
      name: 'every-room-has-a-floor',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(index\\.ts$|testing/|(${FLOORS.flat().join('|')})/)` },
      to: {},
    },
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'unknown', 'undetermined', 'npm-no-pkg'],
        dependencyTypesNot: ['npm-peer'],
      },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.d.ts'],
    },
  },
};
