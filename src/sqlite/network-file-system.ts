import { statfs } from 'node:fs/promises';

/** File systems over a network, by the number that Linux gives them. */
const NETWORK_TYPES: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x564c, 'NCP'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x73757245, 'Coda'],
  [0x01021997, '9P'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
]);

/**
 * Names the network file system that a folder lies on; `undefined` for local ones and where that cannot be determined. SQLite's
 * write-ahead log needs memory and locks that all users of a file share, which machines do not.
 */
export async function networkFileSystemOf(
  folder: string,
  statOf: (folder: string) => Promise<{ readonly type: number }> = statfs,
): Promise<string | undefined> {
  const found = await statOf(folder).catch(() => undefined);
  // The number has 32 bits, and comes with a sign on some machines.
  return found === undefined ? undefined : NETWORK_TYPES.get(Number(found.type) >>> 0);
}
