#include "apps/quantize/keys.h"

#include "apps/cli/format.h"
#include "apps/cli/make.h"
#include "model/weights/gguf/mixtures.h"

namespace hewn::cli::keys {
namespace {

// The names of all mixtures but f32, which is no smaller.
std::string_view mixture_names() {
  static const std::string names =
      list_text(those_of(mixtures(), [](const Mixture& m) { return m.is_smaller(); }), "|", &Mixture::name);
  return names;
}

}  // namespace

std::vector<Option> quantize_options() {
  std::vector<Option> options{
      choice("format", mixture_names(), "", takes::quantize,
             "format of most matrices; q4_k_m and q4_k_s give more bits to those that need them", "required"),
      text("out", "FILE.gguf", "", takes::quantize, "file to write", "required"),
      text(
          "keep", "PATTERN", "", takes::quantize,
          "leave matrices in bf16 whose names match, where * stands for any characters; may be given several "
          "times",
          "none"),
      text("tensor", "PATTERN=FORMAT", "", takes::quantize,
           "format of matrices whose names match; the first that matches counts; may be given several times",
           "none"),
      text("calibrate", "FILE", "", takes::quantize,
           "choose scales for the least error weighted by the mean square of what each column of a matrix "
           "reads "
           "from this text; or llama.cpp's importance matrix (.gguf, .dat)",
           "none"),
      integer("calibrate_tokens", "100000", 1, 1 << 30, takes::quantize, "tokens of that text to read"),
      flag("second_order", "false", takes::quantize,
           "make up for the error of each column in the columns after it, as they go together in the text of "
           "calibrate (GPTQ)"),
      real("target_bits", "0", 0, 32, takes::quantize,
           "instead of a format, bits a weight of the whole file: each matrix gets the format with which the "
           "model "
           "diverges least, as the curvature of its predictions on the text of calibrate tells (0: format)"),
      text("val", "FILE", "", takes::quantize,
           "compare the model before and after on this text: perplexity, KL divergence, likeliest tokens, "
           "and the time "
           "per token",
           "none"),
      flag("ladder", "false", takes::quantize,
           "measure every format on the text of val, in a temporary file, and compare them"),
  };
  for (Option& option : options) option.repeats = option.name == "keep" || option.name == "tensor";
  return options;
}

}  // namespace hewn::cli::keys
