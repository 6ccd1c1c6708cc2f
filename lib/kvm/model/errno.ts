// The errnos that KVM's ioctls answer, as negative numbers, which is how the model's handlers give them.

import { constants } from 'node:os';

const { errno } = constants;

export const EINVAL = -errno.EINVAL;
export const ENOENT = -errno.ENOENT;
export const E2BIG = -errno.E2BIG;
export const EEXIST = -errno.EEXIST;
export const ENXIO = -errno.ENXIO;
export const ENOTTY = -errno.ENOTTY;
