#pragma once
// The model that `hewn trace` looks at, and the tokens it reads.

#include <memory>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "kernels/contract/contract.h"
#include "model/model.h"

namespace hewn::cli {

struct TracedToken {
  int32_t id = 0;
  std::string text;
};

struct TracedModel {
  std::string name;  ///< the run's path, or what the model is
  std::unique_ptr<Executor> device;
  std::unique_ptr<Model> model;  ///< with gradients
  std::vector<TracedToken>
      tokens;  ///< of the text; all but the last are inputs, all but the first are targets
};

/// Whether a call names a trained model: by an argument, or by out_dir if that is a run or was given as a flag.
bool names_run(const Settings& settings);

/// The first key of a model's architecture, or of its tokenizer, that was given on the command line or in
/// a configuration; "" if there is none.
std::string given_model_key(const Settings& settings);

/// Opens the model of a run, or another program's. If none is named but a configuration describes a model, makes that
/// one, with the weights from which `hewn train` starts; its tokenizer is the one of the configuration if that can be had
/// without reading a dataset, else its tokens are the bytes of the text, which a note says. Throws usage for a text of
/// fewer than two tokens or of more than the model's context.
TracedModel open_traced_model(const Settings& settings);

}  // namespace hewn::cli
