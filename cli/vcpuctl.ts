#!/usr/bin/env node
// vcpuctl: the command line of the API, for people and for programs. All of it is in vcpuctl/; this file gives it
// the process's own arguments and streams.

import { processIo } from './vcpuctl/io.js';
import { run } from './vcpuctl/program.js';

const status = await run(process.argv.slice(2), processIo());
// Not left to end by itself: a standard input that nobody closes would keep the process.
process.exit(status);
