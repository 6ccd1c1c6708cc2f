// Streams from a client that are about one VM, which the first message names.

import { VcpudError } from '../lib/errors/vcpud-error.js';
import type { Vm } from '../lib/vm/vm.js';
import type { VmRegistry } from '../lib/vm/vm-registry.js';
import { parseVmName } from './names.js';

/** Each message with its VM. Throws FIELD_REQUIRED for a stream without one, NAME_CHANGED where a later one names another. */
export async function* ofOneVm<Request extends { readonly name: string }>(
  vms: VmRegistry,
  requests: AsyncIterable<Request>,
): AsyncGenerator<{ readonly vm: Vm; readonly request: Request }> {
  let vm: Vm | undefined;
  let name = '';
  for await (const request of requests) {
    if (vm === undefined) {
      vm = vms.get(parseVmName(request.name));
      name = request.name;
    } else if (request.name !== '' && request.name !== name) {
      throw VcpudError.of('NAME_CHANGED', 'a later message names another VM than the first', {
        field: 'name',
      });
    }
    yield { vm, request };
  }
  if (vm === undefined) throw VcpudError.of('FIELD_REQUIRED', 'the stream had no message', { field: 'name' });
}
