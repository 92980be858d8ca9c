// The commands of this room and their options.

#include "apps/convert/exporting.h"
#include "apps/run/keys.h"

namespace hewn::cli {

int run_import(const Settings& settings);
int run_export(const Settings& settings);

namespace keys {

Section exported(std::string_view names) {
  return described("export", {choice("format", "hf|safetensors|llama2c|gguf"), text("out", "PATH"),
                              choice("dtype", "f32|f16|bf16", "f32"), sized("block_size"),
                              choice("act", "gelu|gelu_erf"), flag("force")})
      .only(names);
}

}  // namespace keys

namespace {

Sections import_sections() {
  using namespace keys;
  return {described("import", {text("out", "RUN"), text("tokenizer", "FILE"), sized("block_size"),
                               choice("dtype", "f32|f64|bf16", "f32"), once(flag("force"))})};
}

Sections export_sections() {
  using namespace keys;
  return {reading(), exported("format out dtype block_size act force")};
}

}  // namespace

Commands convert_commands() {
  return {{.name = "import",
           .arguments = "SRC",
           .purpose = Purpose::exchange,
           .sections = import_sections,
           .run = run_import},
          {.name = "export",
           .arguments = "[RUN]",
           .purpose = Purpose::exchange,
           .sections = export_sections,
           .run = run_export}};
}

}  // namespace hewn::cli
