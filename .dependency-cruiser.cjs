// The floors of the house: a file imports from its own room, from errors/, and from rooms on lower floors.
// Inside a large room the sub-rooms have floors too. See docs/decisions/0004-floors.md. A new room takes one line here.
const FLOORS = [
  ['errors', 'time', 'events', 'collections', 'logging', 'lifecycle', 'input', 'hashing'],
  ['contracts'],
  ['resilience', 'output', 'sqlite', 'signing', 'content', 'files'],
  ['agents', 'providers', 'cache', 'journal', 'batch', 'state'],
  ['calls'],
  ['runs'],
  ['orchestrator'],
  ['telemetry'],
  ['runtime'],
];
/** Imports between rooms of one floor that are wanted. */
const SIDEWAYS = { lifecycle: ['time'], input: ['time'] };

/** For each large room, which of its sub-rooms a sub-room may import; its own files and `.` (the room's own) aside. */
const SUB_ROOMS = {
  resilience: {
    retry: ['.'],
    permits: [],
    pool: [],
    breaker: ['retry'],
    budget: [],
    hedge: ['retry'],
    'rate-limit': ['.', 'retry', 'permits'],
    lane: ['.', 'retry', 'breaker', 'rate-limit', 'permits', 'hedge'],
  },
  providers: {
    transport: ['.'],
    pricing: [],
    model: ['.', 'transport', 'pricing'],
    anthropic: ['.', 'model', 'transport', 'pricing'],
    openai: ['.', 'model', 'transport', 'pricing'],
    'ai-sdk': ['.', 'model', 'transport', 'pricing'],
    http: ['.', 'transport'],
    fetch: ['.', 'transport', 'pricing', 'anthropic', 'openai'],
    command: ['.', 'transport'],
  },
};

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

const subRules = Object.entries(SUB_ROOMS).flatMap(([room, subRooms]) =>
  Object.entries(subRooms).map(([subRoom, allowed]) => {
    const inside = [subRoom, ...allowed.filter((name) => name !== '.')].map((name) => `${name}/`);
    if (allowed.includes('.')) inside.push('[^/]+$');
    return {
      name: `floor-${room}-${subRoom}`,
      comment: `src/${room}/${subRoom} imports of its room only: ${['itself', ...allowed].join(', ')}`,
      severity: 'error',
      from: { path: `^src/${room}/${subRoom}/` },
      to: { path: `^src/${room}/`, pathNot: `^src/${room}/(${inside.join('|')})` },
    };
  }),
);

module.exports = {
  forbidden: [
    ...rules,
    ...subRules,
    {
      name: 'no-ring',
      comment: 'in errors/ the base class names the union of its subclasses, as a type',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { pathNot: '^src/errors/any-tutti-error\\.ts$' } },
    },
    {
      name: 'no-import-of-testing',
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
