// Debian's Chromium from the cache, without a screen: opens a page that the project wrote, and says what became of it.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filledBrowser } from './cache.js';
import { TestbedProblem } from './problem.js';
import type { Progress } from './progress.js';

export interface Opened {
  /** The document as the browser has it, as HTML. */
  readonly dom: string;
  /** What it wrote to the page's console: errors of scripts, and what the page's policy kept from loading. */
  readonly console: readonly string[];
}

export interface Browser {
  open(page: string): Promise<Opened>;
  /** A PNG of the page in a window of that size. */
  screenshot(page: string, width: number, height: number): Promise<Buffer>;
}

/** A guard against what hangs. */
const TIMEOUT_MS = 120_000;

const OPTIONS = ['--headless', '--disable-gpu', '--disable-dev-shm-usage', '--enable-logging=stderr'];
/** Chromium's own sandbox refuses to start as root; the pages are the project's own. */
const AS_ROOT = '--no-sandbox';
/** "[pid:tid:time:INFO:CONSOLE(1)] text". */
const CONSOLE_LINE = /:CONSOLE[:(]\d+\)?\] (.*)$/gm;

/** The cached browser, fetched first if this is the first run. */
export async function cachedBrowser(progress: Progress): Promise<Browser> {
  const root = await filledBrowser(progress);
  const usr = join(root, 'usr');
  const libraries = [
    'lib/x86_64-linux-gnu',
    'usr/lib/x86_64-linux-gnu',
    'usr/lib/x86_64-linux-gnu/pulseaudio',
  ];
  const run = async (page: string, ...options: readonly string[]) => {
    const home = await mkdtemp(join(tmpdir(), 'vcpud-browser-'));
    const environment = {
      HOME: home,
      // Its helpers are started by the path of /proc/self/exe, which a loader given by hand would be: so it is started as
      // itself, by this Debian's loader.
      LD_LIBRARY_PATH: [...libraries.map((folder) => join(root, folder)), join(usr, 'lib/chromium')].join(
        ':',
      ),
      FONTCONFIG_SYSROOT: root,
    };
    const argv = [...OPTIONS, AS_ROOT, `--user-data-dir=${join(home, 'profile')}`, ...options];
    try {
      return await ended(
        join(usr, 'lib/chromium/chromium'),
        [...argv, pathToFileURL(page).href],
        environment,
      );
    } finally {
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    }
  };
  return {
    open: async (page) => {
      const { stdout, stderr } = await run(page, '--dump-dom');
      return { dom: stdout, console: [...stderr.matchAll(CONSOLE_LINE)].map(([, text]) => text ?? '') };
    },
    screenshot: async (page, width, height) => {
      const folder = await mkdtemp(join(tmpdir(), 'vcpud-screenshot-'));
      const file = join(folder, 'page.png');
      try {
        await run(page, `--screenshot=${file}`, `--window-size=${width},${height}`, '--hide-scrollbars');
        return await readFile(file);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  };
}

function ended(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env, timeout: TIMEOUT_MS });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve({ stdout, stderr });
      else reject(new TestbedProblem(`The browser failed (${signal ?? `status ${code}`}).`, stderr));
    });
  });
}
