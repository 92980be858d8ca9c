#include "apps/cli/keys/trace.h"

#include "apps/cli/keys/make.h"

namespace hewn::cli::keys {

std::vector<Option> trace_options() {
  return {
      text("expr", "FORMULA", "", takes::trace,
           "trace this formula, such as \"y = tanh(w*x + b)\", with the values given as NAME=VALUE",
           "trace a model"),
      text("text", "TEXT", "", takes::trace, "trace the model over this text", "required without --expr"),
      flag("dot", "false", takes::trace, "print the graph in Graphviz's language"),
      text("out", "FILE", "", takes::trace,
           "write an HTML page, on which a browser steps through the trace; an existing file is replaced",
           "none"),
      integer("values", "4096", 0, 1 << 24, takes::trace,
              "keep the elements of tensors of at most N elements; of larger ones, keep statistics only"),
  };
}

}  // namespace hewn::cli::keys
