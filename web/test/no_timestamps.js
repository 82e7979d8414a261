// Put before worker_start.js by a test: adapters without timestamps, which refuse a device that shall have them.
{
  const TIMESTAMPS = "timestamp-query";
  const adapters = GPUAdapter.prototype;
  const { get: features } = Object.getOwnPropertyDescriptor(adapters, "features");
  Object.defineProperty(adapters, "features", {
    configurable: true,
    get() {
      return new Set([...features.call(this)].filter((name) => name !== TIMESTAMPS));
    },
  });
  const request = adapters.requestDevice;
  adapters.requestDevice = async function (wanted) {
    if (wanted?.requiredFeatures?.includes(TIMESTAMPS)) throw new TypeError(`unsupported feature: ${TIMESTAMPS}`);
    return request.call(this, wanted);
  };
}
