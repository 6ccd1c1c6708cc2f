// What the command line of vcpud says to what it does not take: without any /dev/kvm.

import { describe, expect, test } from 'vitest';
import { runVcpud } from '../../harness/serve-command.js';

describe('a command line that is wrong ends with status 2 and says what is', () => {
  test.each([
    [
      ['serve', '--listen', 'tcp://0.0.0.0:1'],
      /tcp:\/\/0\.0\.0\.0:1 is not a loopback address: .* by --tls-ca, --tls-cert and --tls-key/,
    ],
    [['serve', '--listen', 'unix:///a', '--listen', 'tcp://10.0.0.1:1'], /tcp:\/\/10\.0\.0\.1:1 is not a/],
    [['serve', '--listen', '/run/vcpud.sock'], /is neither unix:\/\/\/PATH nor tcp:\/\/HOST:PORT/],
    [['serve', '--listen', 'unix:///a', '--listen', 'unix:///a'], /unix:\/\/\/a is given twice/],
    [
      ['serve', '--listen', 'tcp://0.0.0.0:1', '--tls-ca', 'a', '--tls-cert', 'b'],
      /go together; not given: --tls-key/,
    ],
    [['serve', '--tls-key', 'a'], /go together; not given: --tls-ca and --tls-cert/],
    [['serve', '--tls-allow', 'a'], /--tls-allow needs --tls-ca, --tls-cert and --tls-key/],
    [['serve', '--grace', '-1'], /0 to 3600 seconds/],
    [['serve', '--grace', 'soon'], /0 to 3600 seconds/],
    [['serve', '--log-level', 'loud'], /one of trace, debug/],
    [['serve', '--listen'], /argument missing/],
    [['serve', '--no-such-option'], /unknown option/],
    [['no-such-command'], /unknown command/],
  ])('%j', async (args, sentence) => {
    const command = runVcpud(args);
    expect(await command.exited).toBe(2);
    expect(command.stderr()).toMatch(sentence);
    expect(command.stderr()).not.toMatch(/ {4}at /); // no stack
    expect(command.stdout()).toBe('');
  });

  test.each([[['--help']], [['serve', '--help']], [['--version']]])('%j is none', async (args) => {
    const command = runVcpud(args);
    expect(await command.exited).toBe(0);
    expect(command.stdout()).toMatch(/Usage: vcpud|^\d+\.\d+\.\d+\n$/);
  });
});
