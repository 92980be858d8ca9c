#include "model/mlp_activation.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "model/config.h"
#include "tests/support/catch.h"

namespace hewn {

TEST_CASE("activations of an MLP: names are written and parsed") {
  CHECK(names_of(MlpActivation{}).starts_with("gelu|gelu_erf|relu|silu|swiglu"));
  std::vector<std::string> names;
  for_each_mlp_activation([&](MlpActivation act, std::string_view name) {
    CHECK(name_of(act) == name);
    MlpActivation parsed = Activation::none;
    parse_name(std::string(name), parsed);
    CHECK(parsed == act);
    names.emplace_back(name);
  });
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  CHECK(name_of(MlpActivation::swiglu) == "swiglu");
  CHECK(name_of(ModelConfig{}.act) == "gelu");
  MlpActivation act;
  CHECK_THROWS_WITH(parse_name("none", act),
                    Catch::Contains("\"none\" is not one of gelu, gelu_erf, relu, silu, swiglu"));
}

}  // namespace hewn
