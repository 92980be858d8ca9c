#include "apps/run/keys.h"

#include <stdexcept>

#include "core/text.h"
#include "kernels/paged_attention/abi.h"
#include "model/generation/sampling.h"
#include "train/config.h"

namespace hewn::cli::keys {

Option special(std::string_view initial) { return choice("special", "text|allow|refuse", initial); }

Section data(std::string_view names) {
  static const Section all = described(
      "dataset",
      {text("out_dir", "DIR", "out"), text("dataset", "WHAT", "tales"), kept(text("tokenizer", "KIND|FILE")),
       kept(choice("unknown", "add|drop|replace|error", "add")), kept(special("allow")),
       kept(sized("vocab_size")), real("val_fraction", "0.1", 0, 0.9), text("val", "FILE"),
       kept(integer("stride", "0", 0, most_size)), real("epochs", "0", 0, 1e6)});
  return all.only(names);
}

Section text_data() { return data("dataset tokenizer val_fraction val stride epochs"); }

Section planned() {
  return described("planned", {sized("vocab_size"), integer("n_labels", "0", 0, 1 << 16)});
}

Section reading(std::string_view names) {
  static const Section all = described(
      "reading", {text("out_dir", "RUN"), once(text("base", "RUN")), repeated(text("adapter", "PATH[:X]"))});
  return all.only(names);
}

Section model() { return {"Model", options_of_keys(model_keys)}; }

Section training() {
  static const Section all = described("training", {once(text("init_from", "scratch|resume|RUN", "scratch"))})
                                 .with(options_of_keys(training_keys))
                                 .without("dtype");
  return all;
}

Option training_key(std::string_view name) {
  for (const auto& key : training_keys)
    if (key.name == name) return option_of(key);
  throw std::logic_error(join("no training key '", name, "'"));
}

Section watching(std::string_view flags) {
  static const Section all =
      described("watching", {once(flag("eval_only")), once(flag("profile")), once(flag("report")),
                             once(flag("dry_run")), once(flag("force"))});
  Section section{all.title, options_of_keys(watching_keys)};
  return flags.empty() ? section : section.with(all.only(flags).options);
}

Section sampling(std::string_view names) {
  static const Section all = [] {
    Section section =
        described("sampling", {integer("batch_size", "8", 1, 1'000'000),
                               integer("max_new_tokens", "500", 1, 1'000'000'000),
                               integer("beam", "0", 0, 4096), real("length_penalty", "1", -100, 100),
                               choice("slide", "half|one", "half"), choice("kv", names_of(KvFormat{}), "f32"),
                               text("draft", "RUN|prompt"), integer("draft_tokens", "6", 1, 64),
                               text("stop", "TEXT|TEXT..."), text("shots", "FILE.jsonl")});
    for (const SamplingMethod& method : sampling_methods) section.options.push_back(option_of(method.key));
    for (Option& option : section.options)
      if (option.name == "temperature") option.initial = "0.8";
    return section;
  }();
  return all.only(names);
}

Section generating(std::string_view more) {
  const Section always = sampling(join("max_new_tokens ", sampling_names(), " slide kv stop"));
  return more.empty() ? always : always.with(sampling(more).options);
}

Section computing(std::string_view names) {
  static const Section all =
      described("computing", {choice("device", "cpu|cuda|emulated", "cpu"), flag("cuda_graph", "true"),
                              choice("matmul_precision", "highest|tf32", "highest"),
                              choice("dtype", "f32|f64|bf16"), integer("threads", "0", 0, 1024)});
  return all.only(names);
}

Section ranks(std::string_view names) {
  static Section all = described("ranks", {text("hosts", "FILE"), real("rank_timeout", "30", 1, 86400)});
  for (Option& option : all.options) option.once = true;
  return all.only(names);
}

}  // namespace hewn::cli::keys
