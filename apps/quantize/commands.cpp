// The commands of this room and their options.

#include "apps/cli/format.h"
#include "apps/convert/exporting.h"
#include "apps/run/keys.h"
#include "model/weights/gguf/mixtures.h"

namespace hewn::cli {

int run_quantize(const Settings& settings);

namespace {

// The names of all mixtures but f32, which is no smaller.
std::string_view mixture_names() {
  static const std::string names =
      list_text(those_of(mixtures(), [](const Mixture& m) { return m.is_smaller(); }), "|", &Mixture::name);
  return names;
}

Sections quantize_sections() {
  using namespace keys;
  return {reading(),
          described("quantize", {choice("format", mixture_names()), text("out", "FILE.gguf"),
                                 repeated(text("keep", "PATTERN")),
                                 repeated(text("tensor", "PATTERN=FORMAT")), text("calibrate", "FILE"),
                                 integer("calibrate_tokens", "100000", 1, 1 << 30), flag("second_order"),
                                 real("target_bits", "0", 0, 32), text("val", "FILE"), flag("ladder")}),
          exported("block_size act force"), computing("threads")};
}

}  // namespace

Commands quantize_commands() {
  return {{.name = "quantize",
           .arguments = "[RUN]",
           .purpose = Purpose::exchange,
           .common = "format out keep tensor calibrate second_order target_bits val ladder act block_size "
                     "force threads",
           .sections = quantize_sections,
           .run = run_quantize}};
}

}  // namespace hewn::cli
