#include "apps/trace/keys.h"

#include "apps/cli/make.h"

namespace hewn::cli::keys {

std::vector<Option> trace_options() {
  return {
      text("expr", "FORMULA", "", takes::trace,
           "trace this formula, such as \"y = tanh(w*x + b)\", with the values given as NAME=VALUE",
           "trace a model"),
      also("text", text("prompt", "TEXT", "", takes::trace, "trace the model over this text",
                        "required without --expr")),
      text("node", "NODE[I,...]", "", takes::trace,
           "print only this element of a node's value, its gradient, and the sum or formula that made it; a "
           "node "
           "is a part of the model and an operation (h.0.ln_1.layernorm[0,3]), a number (#12[0,3]), or a "
           "name in "
           "the formula",
           "all nodes"),
      flag("step", "false", takes::trace,
           "print the backward pass node by node: what arrives, and what it does to the gradients of the "
           "inputs; on a terminal, Enter goes on and q ends"),
      text("diff", "RUN|TYPE|DEVICE", "", takes::trace,
           "print how far the tape of another run is from this one, node by node, or that of the same model "
           "in f32, f64 or "
           "bf16, or on cuda or emulated",
           "none"),
      flag("unfold", "false", takes::trace,
           "compose fused operations of simple ones, with a node for each: softmax of exp, sum and div, "
           "attention of "
           "products and softmax"),
      flag("update", "false", takes::trace,
           "after the backward pass, take the first step of AdamW with the defaults of `hewn train`, and "
           "keep the "
           "moments and new values of the parameters in --json and --out; with the lesson model always"),
      text("watch", "PARAMETER[I,...]", "", takes::trace,
           "train, and print this element after every step: value, gradient, both moments and update; a run "
           "goes on from its last checkpoint, a CONFIG.toml begins",
           "none"),
      integer("iters", "20", 1, 1'000'000, takes::trace, "with --watch, number of steps"),
      flag("roof", "false", takes::trace,
           "with --json, report how close each kernel comes to the roofline of this machine, which is "
           "measured first"),
      flag("dot", "false", takes::trace, "print the graph in Graphviz's language"),
      flag("page", "false", takes::trace,
           "write an HTML page, on which a browser steps through the trace; an existing file is replaced"),
      text("out", "FILE", "", takes::trace, "write this page to FILE",
           "with --page, RUN/trace.html; without a run, trace.html here"),
      integer("values", "4096", 0, 1 << 24, takes::trace,
              "keep the elements of tensors of at most N elements; of larger ones, keep statistics only"),
  };
}

}  // namespace hewn::cli::keys
