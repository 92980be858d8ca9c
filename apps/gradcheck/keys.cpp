#include "apps/gradcheck/keys.h"

#include <string>

#include "apps/cli/make.h"
#include "train/inspect/gradcheck/deliberate.h"

namespace hewn::cli::keys {

std::vector<Option> gradcheck_options() {
  static const std::string break_help = [] {
    std::string names = "all";
    for (const Mistake& mistake : mistakes()) names += std::string(", ") + mistake.name;
    return "make these mistakes in the backward pass, one after the other, and show what notices them: " +
           names + "; @h.0 makes them in that part of the model only";
  }();
  return {
      also("text",
           text("prompt", "TEXT", "", takes::gradcheck, "compute the loss of this text", "random tokens")),
      integer("batch_size", "2", 1, 1024, takes::gradcheck, "rows of random tokens in a batch"),
      integer("length", "16", 1, 1 << 20, takes::gradcheck,
              "tokens in a row; at most block_size of them are used"),
      integer("gradient_accumulation_steps", "1", 1, 64, takes::gradcheck,
              "number of batches whose gradients are accumulated"),
      flag("recompute", "false", takes::gradcheck,
           "recompute each block in the backward pass, as in training"),
      real("seconds", "60", 0, 1e6, takes::gradcheck,
           "end looking at further entries after this time; directions and the largest entries come first"),
      integer("entries", "64", 1, 1 << 20, takes::gradcheck, "entries of each parameter to look at, at most"),
      choice("vs", "f32|bf16|emulated|cuda", "", takes::gradcheck,
             "also compare the gradients in this precision, or those in f32 on this device", "not compared"),
      text("break", "NAME[@SCOPE],...", "", takes::gradcheck, break_help, "none"),
      integer("seed", "1337", 0, INT64_MAX, takes::gradcheck,
              "random seed of weights, tokens, directions and entries"),
  };
}

}  // namespace hewn::cli::keys
