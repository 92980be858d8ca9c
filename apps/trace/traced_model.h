#pragma once
// The model that `hewn trace` traces, and its input tokens.

#include <memory>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/trace/narrate.h"
#include "kernels/contract/contract.h"
#include "model/model.h"

namespace hewn::cli {

struct TracedToken {
  int32_t id = 0;
  std::string text;
};

struct TracedModel {
  std::string name;  ///< the run's path, or a description of the model
  std::unique_ptr<Executor> device;
  std::unique_ptr<Model> model;  ///< with gradients
  std::vector<TracedToken>
      tokens;  ///< of the text; all but the last are inputs, all but the first are targets
};

/// Whether the arguments name a trained model, or out_dir is a run or given as a flag.
bool names_run(const Settings& settings);

/// The first key of a model's architecture, or of its tokenizer, that was given on the command line or in
/// a configuration; "" if there is none.
std::string given_model_key(const Settings& settings);

/// Opens the model of a run, or another program's. If none is named but a configuration describes a model,
/// creates that model with the initial weights of `hewn train`. Its tokenizer is that of the configuration if
/// it needs no dataset; else its tokens are the bytes of the text, with a note. Throws usage for a text of
/// fewer than two tokens or of more than the model's context.
TracedModel open_traced_model(const Settings& settings);

// The backward pass, one node at a time.

/// For each node that the backward pass reached, from the newest to the oldest: the gradient that arrived, the formula,
/// and the node's contribution to the gradient of each input, with the sum so far. The recorder must have
/// kept sums.
std::vector<std::string> backward_steps(const Trace& trace, const NodeNames& names);

/// Prints these steps. On a terminal, waits for Enter after each; q and Enter, or the end of input, stops.
void print_backward_steps(const Trace& trace, const NodeNames& names);

}  // namespace hewn::cli
