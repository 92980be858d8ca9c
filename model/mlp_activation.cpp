#include "model/mlp_activation.h"

#include "core/error.h"

namespace hewn {

std::string name_of(MlpActivation v) {
  std::string found = "?";
  for_each_mlp_activation([&](MlpActivation act, std::string_view name) {
    if (act == v) found = name;
  });
  return found;
}

void parse_name(const std::string& name, MlpActivation& v) {
  std::string known;
  bool found = false;
  for_each_mlp_activation([&](MlpActivation act, std::string_view its) {
    if (name == its) v = act, found = true;
    known += (known.empty() ? "" : ", ") + std::string(its);
  });
  if (!found) fail(ErrorCode::usage, "\"", name, "\" is not one of ", known);
}

}  // namespace hewn
