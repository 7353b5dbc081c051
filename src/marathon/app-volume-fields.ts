import { COUNT, MODE, PERSISTENT, SOME_TEXT, TEXT_MAP } from './common-fields.js';
import { either, FLAG, list, object, shape, text, words } from './field-types.js';

const PERSISTENT_VOLUME = shape(
  'AppPersistentVolume',
  { containerPath: SOME_TEXT, persistent: PERSISTENT, mode: MODE },
  ['containerPath', 'mode', 'persistent'],
);
const DVDI_INFO = shape('DVDIExternalVolumeInfo', {
  size: COUNT,
  name: text(),
  provider: text(),
  options: TEXT_MAP,
  shared: FLAG,
});
const CSI_CAPABILITY = shape(
  'CSICapability',
  {
    accessMode: words(
      'SINGLE_NODE_WRITER',
      'SINGLE_NODE_READER_ONLY',
      'MULTI_NODE_READER_ONLY',
      'MULTI_NODE_SINGLE_WRITER',
      'MULTI_NODE_MULTI_WRITER',
    ),
    accessType: words('block', 'mount'),
    fsType: text(),
    mountFlags: list(text()),
  },
  ['accessMode', 'accessType'],
);
const CSI_OPTIONS = shape(
  'CSIExternalVolumeInfoOptions',
  {
    pluginName: SOME_TEXT,
    capability: object(() => CSI_CAPABILITY),
    nodeStageSecret: TEXT_MAP,
    nodePublishSecret: TEXT_MAP,
    volumeContext: TEXT_MAP,
  },
  ['capability', 'pluginName'],
);
const CSI_INFO = shape(
  'CSIExternalVolumeInfo',
  { name: text(), provider: words('csi'), options: object(() => CSI_OPTIONS) },
  ['name', 'options', 'provider'],
);
const EXTERNAL_VOLUME = shape(
  'AppExternalVolume',
  {
    containerPath: SOME_TEXT,
    external: either(
      object(() => DVDI_INFO),
      object(() => CSI_INFO),
    ),
    mode: MODE,
  },
  ['containerPath', 'external', 'mode'],
);
const SECRET_VOLUME = shape('AppSecretVolume', { containerPath: SOME_TEXT, secret: SOME_TEXT }, [
  'containerPath',
  'secret',
]);
const HOST_VOLUME = shape(
  'AppHostVolume',
  { containerPath: SOME_TEXT, hostPath: SOME_TEXT, mode: MODE },
  ['containerPath', 'hostPath', 'mode'],
);

/** Volumes of an app; which kind one is shows in its members. */
export const VOLUMES = list(
  either(
    object(() => PERSISTENT_VOLUME),
    object(() => EXTERNAL_VOLUME),
    object(() => SECRET_VOLUME),
    object(() => HOST_VOLUME),
  ),
);
