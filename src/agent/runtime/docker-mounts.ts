import { MissingPartError } from '../../util/errors.js';
import type { ContainerFacts, CreateMount, MountFacts } from './docker-port.js';

/** What the server's container has to share with the agent. */
export interface SharedPaths {
  /** CARNA_STATE_DIR. */
  readonly stateDir: string;
  /** Where the server makes its control socket; null for a server that has none. */
  readonly ctlSocket: string | null;
  /** CARNA_DOCKER_MOUNTS: SOURCE:/path or SOURCE:/path:ro. */
  readonly further: readonly string[];
  /** CARNA_DOCKER_SOCKET, which is never shared. */
  readonly dockerSocket: string;
}

/**
 * The mounts of the server's container: those of the agent's own container (null = it runs in none) that hold
 * the shared paths, at the same places, then the further ones. Pure. Throws MissingPartError when the folder of
 * the control socket cannot be shared, or when a mount would hand over Docker's socket.
 */
export function deriveMounts(
  own: ContainerFacts | null,
  paths: SharedPaths,
): readonly CreateMount[] {
  const shared = own === null ? hostFolders(paths) : ownMounts(own, paths);
  const byTarget = new Map<string, CreateMount>();
  for (const mount of [...shared, ...paths.further.map(parseMount)]) {
    byTarget.set(mount.Target, mount);
  }
  const mounts = [...byTarget.values()];
  refuseDockerSocket(own, paths.dockerSocket, mounts);
  return mounts;
}

function hostFolders({ stateDir, ctlSocket }: SharedPaths): readonly CreateMount[] {
  const folders = ctlSocket === null ? [stateDir] : [stateDir, folderOf(ctlSocket)];
  return folders.map((folder) => {
    return { Type: 'bind', Source: folder, Target: folder, ReadOnly: false };
  });
}

function ownMounts(
  own: ContainerFacts,
  { stateDir, ctlSocket }: SharedPaths,
): readonly CreateMount[] {
  const found: CreateMount[] = [];
  const state = mountOf(own.mounts, stateDir);
  if (state !== null && state.type !== 'tmpfs') found.push(copyOf(state));
  if (ctlSocket === null) return found;
  const folder = folderOf(ctlSocket);
  const ctl = mountOf(own.mounts, folder);
  if (ctl === null || ctl.type === 'tmpfs') {
    const why =
      ctl === null ? 'is in no mount' : 'is in a tmpfs, which no other container can share';
    throw new MissingPartError(
      `the folder of the control socket, ${folder}, ${why} of the agent's container ${own.name}`,
      `give that container a volume at ${folder} (docker run -v carna-run:${folder}), or set CARNA_CTL_SOCKET to a path in one of its volumes`,
    );
  }
  return [...found, copyOf(ctl)];
}

/** The mount that shows at `path`: the one with the longest destination above it. */
function mountOf(mounts: readonly MountFacts[], path: string): MountFacts | null {
  const above = mounts.filter((mount) => isWithin(path, mount.destination));
  above.sort((a, b) => b.destination.length - a.destination.length);
  return above[0] ?? null;
}

function copyOf(mount: MountFacts): CreateMount {
  const isVolume = mount.type === 'volume';
  return {
    Type: isVolume ? 'volume' : 'bind',
    Source: isVolume ? mount.name : mount.source,
    Target: mount.destination,
    ReadOnly: mount.isReadOnly,
  };
}

function parseMount(text: string): CreateMount {
  const [source = '', target = '', mode] = text.split(':');
  const type = source.startsWith('/') ? 'bind' : 'volume';
  return { Type: type, Source: source, Target: target, ReadOnly: mode === 'ro' };
}

/** Whoever may use Docker's socket is root on the host: a SIP server must not. */
function refuseDockerSocket(
  own: ContainerFacts | null,
  socketPath: string,
  mounts: readonly CreateMount[],
): void {
  const holder = own === null ? null : mountOf(own.mounts, socketPath);
  const onHost =
    holder === null ? [] : [holder.source + socketPath.slice(holder.destination.length)];
  for (const socket of [socketPath, ...onHost].map(plainPath)) {
    const open = mounts.find((m) => m.Type === 'bind' && isWithin(socket, plainPath(m.Source)));
    if (open !== undefined) {
      throw new MissingPartError(
        `the mount of ${open.Source} at ${open.Target} would hand Docker's socket to the SIP server`,
        'share a folder that does not hold the socket: see CARNA_STATE_DIR, CARNA_CTL_SOCKET and CARNA_DOCKER_MOUNTS',
      );
    }
  }
}

/** /var/run is a link to /run on every current Linux. */
function plainPath(path: string): string {
  const plain = path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
  return plain.replace(/^\/var\/run(?=\/|$)/, '/run');
}

function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder.replace(/\/$/, '')}/`);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}
