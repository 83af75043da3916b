// Jest's global tear-down: removes what build-once.mjs made.
import { rmSync } from 'node:fs';

export default function removeBuild() {
  const folder = process.env.TUTTI_TEST_BUILD;
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
