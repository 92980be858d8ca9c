#include "kernels/gpu/runtime/failure.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

#include "core/text.h"

namespace hewn {
namespace {

/// Without qualifiers such as "hewn::(anonymous namespace)::", at any depth of template arguments.
std::string without_namespaces(const std::string& name) {
  std::string text;
  size_t word = 0;  // the beginning of the current qualified name in `text`
  for (size_t i = 0; i < name.size(); ++i) {
    const std::string anonymous = "(anonymous namespace)";
    if (name.compare(i, anonymous.size(), anonymous) == 0) {
      i += anonymous.size() - 1;
    } else if (name.compare(i, 2, "::") == 0) {
      text.resize(word);
      ++i;
    } else {
      text += name[i];
      if (name[i] == '<' || name[i] == ' ' || name[i] == '(' || name[i] == ',') word = text.size();
    }
  }
  return text;
}

/// Without the parameters and what follows them: from the first parenthesis outside of template arguments.
std::string without_parameters(const std::string& name) {
  int depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth == 0) return name.substr(0, i);
  }
  return name;
}

}  // namespace

std::string type_text(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  if (status != 0) return mangled;
  std::string text = without_parameters(without_namespaces(name.get()));
  // The name of a template's instance is preceded by the type of its result.
  if (text.starts_with("void ")) text.erase(0, 5);
  return text;
}

std::string launch_text(const std::string& name, const std::string& instance, const std::string& arguments,
                        const Grid& grid) {
  const auto sizes = [](const Extent& e) { return join(e.x, "x", e.y, "x", e.z); };
  return join("kernel ", name, instance.empty() ? "" : join(" [", instance, "]"), "(", arguments, ") on ",
              sizes(grid.blocks), " blocks of ", sizes(grid.threads), " threads with ", grid.shared_bytes,
              " bytes of shared memory");
}

std::string KernelFailures::later(const std::string& noticed) const {
  return join(
      noticed,
      " is not to blame: an earlier kernel failed, and the GPU then refuses all work of this process. ",
      "The first failure was: ", first_);
}

std::string KernelFailures::of_launch(const std::string& launch, const std::string& error,
                                      bool while_running) {
  if (!while_running) return join(launch, ": ", error);
  if (!first_.empty()) return later(launch);
  if (blocking_) return first_ = join(launch, ": failed while it ran: ", error);
  first_ = join("a kernel failed while it ran: ", error);
  return join(
      first_, "; it is an earlier one than the ", launch,
      ", whose launch reported it (run again with CUDA_LAUNCH_BLOCKING=1 in the environment, and the message "
      "names the kernel)");
}

std::string KernelFailures::of_call(const std::string& doing, const std::string& error, bool while_running) {
  if (!while_running) return join("cuda: ", doing, ": ", error);
  if (!first_.empty()) return later(join("cuda: ", doing));
  first_ = join("a kernel failed while it ran: ", error);
  return join(
      "cuda: ", doing, ": ", first_,
      blocking_
          ? " (the kernels of a graph are not named; run again with --cuda_graph=false)"
          : " (run again with CUDA_LAUNCH_BLOCKING=1 in the environment, and the message names the kernel)");
}

}  // namespace hewn
