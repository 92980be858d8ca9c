// hewn import: converts another program's model to a run.

#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/train_start.h"
#include "core/error.h"
#include "core/io/path.h"
#include "model/config_json.h"
#include "model/json.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/run_directory.h"

namespace hewn::cli {
namespace {

std::string architecture_text(const ModelConfig& c) {
  std::string text = join(c.n_layer, " layers of width ", c.n_embd, ", ", c.n_head, " heads");
  if (c.kv_heads() != c.n_head) text += join(", ", c.kv_heads(), " key and value heads");
  text += join(", context ", c.block_size, ", vocabulary ", long_count(c.vocab_size));
  text += join("; ", name_of(c.norm), ", positions ", name_of(c.pos), ", ", name_of(c.act));
  if (c.window > 0) text += join(", window ", c.window);
  return text + (c.tie ? ", head tied to the embedding" : ", separate head");
}

}  // namespace

int run_import(const Settings& settings) {
  require(settings.arguments.size() == 1,
          "expected one model (a file or directory); use `hewn import SRC --out=RUN`");
  require(settings.has("out"), "no output run was given; add --out=RUN");
  const std::string source = settings.arguments[0];
  ForeignModel foreign = open_foreign(source);
  if (settings.has("tokenizer")) {
    foreign.tokenizer = open_tokenizer(settings.text("tokenizer"));
    foreign.text_form.reset();  // of another vocabulary
    require(foreign.tokenizer->vocab_size() <= foreign.config.vocab_size, settings.where("tokenizer"),
            ": the tokenizer has ", foreign.tokenizer->vocab_size(), " tokens, but the model only ",
            foreign.config.vocab_size);
  }
  if (settings.has("block_size")) crop_context(foreign, settings.integer("block_size"));
  const Settings config = settings_of(foreign.config, settings.text("dtype"), source);
  const auto model = declare_model(foreign.config);
  {
    const Doing checking("opening ", source);
    check_fit(*foreign.tensors, foreign.naming, *model);
  }
  const bool force = settings.flag("force");
  const RunDirectory run(settings.text("out"), force ? RunDirectory::Open::force : RunDirectory::Open::fresh,
                         "out");
  const std::string checkpoint = write_whole_run(
      run, foreign, config, {{"imported_from", absolute_path(source)}, {"format", foreign.format}});
  const int64_t parameters = model->parameters().numel();
  const std::string tokenizer =
      foreign.tokenizer
          ? join(foreign.tokenizer->kind(), ", ", long_count(foreign.tokenizer->vocab_size()), " tokens")
          : "none: " + foreign.no_tokenizer;
  if (settings.flag("json")) {
    Json out{{"run", run.path()},
             {"checkpoint", checkpoint},
             {"format", foreign.format},
             {"parameters", parameters}};
    out["model"] = Json::parse(to_json(foreign.config));
    out["tokenizer"] = foreign.tokenizer ? Json(foreign.tokenizer->kind()) : Json(nullptr);
    if (!foreign.tokenizer) out["no_tokenizer"] = foreign.no_tokenizer;
    print(json_text(out, 2), "\n");
    return 0;
  }
  print("format      ", foreign.format, "\n", "model       ", architecture_text(foreign.config), "\n",
        "parameters  ", long_count(parameters), "\n", "tokenizer   ", tokenizer, "\n", "run         ",
        run.path(), "\n");
  if (foreign.tokenizer) say_next(program(), " sample ", shell_word(run.path()));
  return 0;
}

}  // namespace hewn::cli
