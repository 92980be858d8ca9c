#include "tests/faults/faults.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/support/env.h"

namespace hewn::test {
namespace {

void copy_text(char* field, size_t size, const std::string& text) {
  if (text.size() + 1 > size) throw std::runtime_error("too long a path: " + text);
  std::memcpy(field, text.c_str(), text.size() + 1);
}

}  // namespace

std::string text_of(const Fault& fault) {
  const std::string call = std::string(faults::call_names[static_cast<int>(fault.call)]) + " " +
                           std::to_string(fault.number) + ": ";
  switch (fault.action) {
    case Action::nothing: return call + "nothing";
    case Action::fail: return call + strerrorname_np(fault.error);
    case Action::keep_failing: return call + strerrorname_np(fault.error) + " from then on";
    case Action::cut_short: return call + "half of the bytes";
    case Action::kill_before: return call + "killed before it";
    case Action::kill_after: return call + "killed after it";
  }
  return call;
}

bool can_preload() {
  if (sanitizers().empty()) return true;
  skip("the library that watches calls cannot be preloaded under sanitizers");
  return false;
}

Faults::Faults(const std::filesystem::path& root, const std::filesystem::path& control,
               const std::filesystem::path& journal)
    : path_(control.string()) {
  write_file(control, "");
  std::filesystem::resize_file(control, sizeof(faults::Control));
  if (!journal.empty()) write_file(journal, "");
  const int file = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  void* const mapped = ::mmap(nullptr, sizeof(faults::Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + path_);
  control_ = static_cast<faults::Control*>(mapped);
  copy_text(control_->root, sizeof control_->root, root.string());
  copy_text(control_->journal, sizeof control_->journal, journal.string());
}

Faults::~Faults() { ::munmap(control_, sizeof(faults::Control)); }

void Faults::set(const Fault& fault) {
  control_->call = fault.call;
  control_->number = fault.number;
  control_->action = static_cast<uint32_t>(fault.action);
  control_->error = fault.error;
  control_->hits = 0;
  for (auto& count : control_->counts) count = 0;
}

void Faults::note_stacks(int depth) { control_->stack_depth = static_cast<uint32_t>(depth); }

std::vector<uint64_t> Faults::stacks() const {
  const auto all = std::min(count(Call::memory), faults::most_allocations);
  return {control_->stacks, control_->stacks + all};
}

int64_t Faults::count(Call call) const { return control_->counts[static_cast<size_t>(call)]; }

bool Faults::met() const { return control_->hits > 0; }

std::string Faults::met_by() const {
  return std::string(control_->hit_name) + (control_->hit_path[0] ? " of " : "") + control_->hit_path;
}

std::map<std::string, std::string> Faults::environment() const {
  return {{"LD_PRELOAD", HEWN_FAULTS_LIBRARY},
          {faults::control_variable, path_},
          {"OMP_NUM_THREADS", "1"},
          {"OMP_WAIT_POLICY", "passive"}};
}

}  // namespace hewn::test
