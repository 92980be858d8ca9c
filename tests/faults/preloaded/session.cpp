#include "tests/faults/preloaded/session.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

// Nothing here allocates, or calls what this library replaces.

namespace hewn::faults {
namespace {

Control* control = nullptr;
int journal = -1;
std::atomic<bool> in_main{false};
std::array<Place, most_descriptors> places;

/// Code of the program or a library.
struct Code {
  uintptr_t begin, end, base;
};
constexpr size_t most_codes = 128;
std::array<Code, most_codes> codes;
size_t n_codes = 0;
Code openmp{};

bool fits(int descriptor) { return descriptor >= 0 && static_cast<size_t>(descriptor) < most_descriptors; }

bool below_root(const char* path) {
  if (control == nullptr) return false;
  const size_t length = std::strlen(control->root);
  return std::strncmp(path, control->root, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

void set_path(Place& place, const char* first, const char* second) {
  const size_t a = std::strlen(first), b = std::strlen(second);
  if (a + b + 2 > longest_path) return;
  std::memcpy(place.path, first, a);
  if (b > 0) place.path[a] = '/';
  std::memcpy(place.path + a + (b > 0 ? 1 : 0), second, b + 1);
}

int find_code(dl_phdr_info* info, size_t, void*) {
  for (int i = 0; i < info->dlpi_phnum && n_codes < most_codes; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
    const uintptr_t begin = info->dlpi_addr + part.p_vaddr;
    codes[n_codes++] = {begin, begin + part.p_memsz, info->dlpi_addr};
    if (std::strstr(info->dlpi_name, "gomp") || std::strstr(info->dlpi_name, "libomp"))
      openmp = codes[n_codes - 1];
  }
  return 0;
}

/// An address of code as it is in every process of this program, which libraries are loaded to other addresses.
uintptr_t fixed(uintptr_t address) {
  for (size_t i = 0; i < n_codes; ++i)
    if (address >= codes[i].begin && address < codes[i].end) return address - codes[i].base + (i << 48);
  return address;
}

int open_now(const char* path, int flags) {
  const int file = next<int(const char*, int, ...)>("open")(path, flags | O_CLOEXEC);
  if (file < 0) return -1;
  const int high = next<int(int, int, ...)>("fcntl")(file, F_DUPFD_CLOEXEC, 900);  // out of the program's way
  next<int(int)>("close")(file);
  return high;
}

__attribute__((constructor)) void begin() {
  const char* const path = std::getenv(control_variable);
  if (path == nullptr) return;
  dl_iterate_phdr(find_code, nullptr);
  const int file = open_now(path, O_RDWR);
  if (file < 0) return;
  void* const mapped = next<void*(void*, size_t, int, int, int, off_t)>("mmap")(
      nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  next<int(int)>("close")(file);
  if (mapped == MAP_FAILED) return;
  Control* const seen = static_cast<Control*>(mapped);
  if (seen->journal[0] != '\0') journal = open_now(seen->journal, O_WRONLY | O_APPEND);
  void* frame = nullptr;
  ::backtrace(&frame, 1);  // loads the unwinder, which allocates
  control = seen;
}

/// Notes who asks for memory.
void note_stack(int64_t number) {
  constexpr int own = 4, most = 64;  // frames of this library
  void* frames[most];
  const int found = ::backtrace(frames, std::min<int>(most, own + static_cast<int>(control->stack_depth)));
  uint64_t hash = 14695981039346656037U;
  for (int i = own; i < found; ++i)
    hash = (hash ^ fixed(reinterpret_cast<uintptr_t>(frames[i]))) * 1099511628211U;
  control->stacks[number - 1] = hash;
}

Verdict judge_counted(Call call, const char* name, const char* path) {
  const int64_t number = ++control->counts[static_cast<size_t>(call)];
  if (call == Call::memory && control->stack_depth > 0 && number <= most_allocations) note_stack(number);
  const auto action = static_cast<Action>(control->action);
  const bool later = action == Action::keep_failing && number > control->number;
  if (call != control->call || action == Action::nothing || (number != control->number && !later))
    return Verdict::proceed;
  if (control->hits++ == 0) {
    std::strncpy(control->hit_name, name, sizeof control->hit_name - 1);
    std::strncpy(control->hit_path, path, sizeof control->hit_path - 1);
  }
  switch (action) {
    case Action::kill_before: end_process();
    case Action::kill_after: return Verdict::kill_after;
    case Action::cut_short: return Verdict::cut_short;
    default: errno = control->error; return Verdict::fail;
  }
}

int wrapped_main(int argc, char** argv, char** environment);
int (*real_main)(int, char**, char**) = nullptr;

int wrapped_main(int argc, char** argv, char** environment) {
  in_main = true;
  const int status = real_main(argc, argv, environment);
  in_main = false;
  return status;
}

}  // namespace

void* next_function(const char* name) { return dlsym(RTLD_NEXT, name); }

Place place_of(const char* path) { return place_at(AT_FDCWD, path); }

Place place_at(int directory, const char* path) {
  Place place;
  if (control == nullptr || path == nullptr) return place;
  if (path[0] == '/') {
    if (below_root(path)) set_path(place, path, "");
  } else if (fits(directory) && places[static_cast<size_t>(directory)].inside()) {
    set_path(place, places[static_cast<size_t>(directory)].path, path);
  }
  return place;
}

Place place_of(int descriptor) {
  return fits(descriptor) ? places[static_cast<size_t>(descriptor)] : Place{};
}

void remember(int descriptor, const Place& place) {
  if (fits(descriptor)) places[static_cast<size_t>(descriptor)] = place;
}

void forget(int descriptor) {
  if (fits(descriptor)) places[static_cast<size_t>(descriptor)].path[0] = '\0';
}

void end_process() {
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

Verdict judge(Call call, const char* name, const char* path) {
  return control == nullptr ? Verdict::proceed : judge_counted(call, name, path);
}

Verdict judge_memory(const char* name, const void* caller) {
  if (control == nullptr || !in_main) return Verdict::proceed;
  const auto address = reinterpret_cast<uintptr_t>(caller);
  if (address >= openmp.begin && address < openmp.end) return Verdict::proceed;
  return judge_counted(Call::memory, name, "");
}

bool recording() { return journal >= 0; }

void record(Change change, int descriptor, int64_t number, const char* first, const char* second,
            const void* bytes, size_t size) {
  if (journal < 0) return;
  const int before = errno;
  JournalEntry entry{change,
                     descriptor,
                     number,
                     static_cast<uint32_t>(std::strlen(first)),
                     static_cast<uint32_t>(std::strlen(second)),
                     static_cast<uint32_t>(size),
                     0};
  const auto part = [](const void* data, size_t length) { return iovec{const_cast<void*>(data), length}; };
  const std::array parts{part(&entry, sizeof entry), part(first, entry.first_path),
                         part(second, entry.second_path), part(bytes, size)};
  next<ssize_t(int, const iovec*, int)>("writev")(journal, parts.data(), parts.size());
  errno = before;
}

}  // namespace hewn::faults

/// Notes when main begins and ends. The C library calls it with the program's main.
extern "C" __attribute__((visibility("default"))) int __libc_start_main(
    int (*program_main)(int, char**, char**), int argc, char** argv, void (*init)(), void (*fini)(),
    void (*loader_fini)(), void* stack_end) {
  using namespace hewn::faults;
  real_main = program_main;
  return next<int(int (*)(int, char**, char**), int, char**, void (*)(), void (*)(), void (*)(), void*)>(
      "__libc_start_main")(wrapped_main, argc, argv, init, fini, loader_fini, stack_end);
}
