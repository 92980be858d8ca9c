#pragma once
// Work of other libraries on the streams of the emulated device, for stand-ins of these libraries.

#include <functional>

namespace hewn::emulator {

/// Queues work on a stream (`GpuRuntime::stream`): `done` is called again and again when its turn has come, with access to
/// device memory, and what is queued behind it waits until it returns true.
void queue_until(void* stream, std::function<bool()> done);

}  // namespace hewn::emulator
