// Original file: protos/vcpud/v1/host.proto


/**
 * Asks for the host; has no parameters.
 */
export interface GetHostRequest {
}

/**
 * Asks for the host; has no parameters.
 */
export interface GetHostRequest__Output {
}
