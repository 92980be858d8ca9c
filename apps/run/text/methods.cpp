#include "apps/run/text/methods.h"

#include "apps/run/run_config.h"

namespace hewn::cli {
namespace {

BeamOptions beam_options(const Settings& settings, const GenerateOptions& plain) {
  return {.beams = settings.integer("beam") > 0 ? settings.integer("beam") : 4,
          .max_new_tokens = plain.max_new_tokens,
          .length_penalty = settings.real("length_penalty"),
          .context = plain.context,
          .stop_tokens = plain.stop_tokens};
}

}  // namespace

std::vector<DecodingMethod> decoding_methods(const Settings& settings, const TextEncoder& texts,
                                             const Ends& ends) {
  const double temperature = settings.real("temperature");
  const GenerateOptions plain{.max_new_tokens = settings.integer("max_new_tokens"),
                              .sampling = {.temperature = temperature},
                              .seed = static_cast<uint64_t>(settings.integer("seed")),
                              .context = context_of(settings, texts),
                              .stop_tokens = ends.tokens};
  std::vector<DecodingMethod> all;
  const auto add = [&](std::string_view name, const std::string& label, const SamplingOptions& sampling) {
    all.push_back({.name = std::string(name), .label = label, .options = plain});
    all.back().options.sampling = sampling;
  };
  add("greedy", "greedy", {.temperature = 0});
  const BeamOptions beam = beam_options(settings, plain);
  all.push_back({.name = "beam", .label = join("beam=", beam.beams), .beam = beam});
  for (const double t : {0.5, 1.0, 1.5}) add("temperature", join("temperature=", t), {.temperature = t});
  // First the methods that cut the distribution, then those that change the logits.
  for (const bool cuts : {true, false})
    for (const auto& [key, usual, keeps] : sampling_methods) {
      if (key.name == "temperature" || cuts != (keeps != nullptr)) continue;
      KeyValue value = usual;
      if (std::holds_alternative<Integers>(key.domain)) value = static_cast<int64_t>(usual);
      if (settings.given(key.name)) value = value_of(settings, key.name, key.domain);
      SamplingOptions sampling = plain.sampling;
      key.set(sampling, value);
      add(key.name, join(key.name, "=", text_of(value), " at temperature=", temperature), sampling);
    }
  return all;
}

}  // namespace hewn::cli
