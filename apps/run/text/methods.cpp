#include "apps/run/text/methods.h"

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
  const GenerateOptions plain{.max_new_tokens = settings.integer("max_new_tokens"),
                              .temperature = settings.real("temperature"),
                              .seed = static_cast<uint64_t>(settings.integer("seed")),
                              .context = context_of(settings, texts),
                              .stop_tokens = ends.tokens};
  std::vector<DecodingMethod> all;
  const auto add = [&](const char* name, const std::string& label, auto change) {
    all.push_back({.name = name, .label = label, .options = plain});
    change(all.back().options);
  };
  const auto key = [&](const char* name, double usual) {
    return settings.given(name) ? settings.real(name) : usual;
  };
  const int64_t top_k = settings.given("top_k") ? settings.integer("top_k") : 10;
  const double top_p = key("top_p", 0.9), min_p = key("min_p", 0.1), penalty = key("repetition_penalty", 1.2);
  const std::string at = join(" at temperature=", plain.temperature);
  add("greedy", "greedy", [](auto& o) { o.temperature = 0; });
  const BeamOptions beam = beam_options(settings, plain);
  all.push_back({.name = "beam", .label = join("beam=", beam.beams), .beam = beam});
  for (const double t : {0.5, 1.0, 1.5})
    add("temperature", join("temperature=", t), [&](auto& o) { o.temperature = t; });
  add("top_k", join("top_k=", top_k, at), [&](auto& o) { o.top_k = top_k; });
  add("top_p", join("top_p=", top_p, at), [&](auto& o) { o.top_p = top_p; });
  add("min_p", join("min_p=", min_p, at), [&](auto& o) { o.min_p = min_p; });
  add("repetition_penalty", join("repetition_penalty=", penalty, at),
      [&](auto& o) { o.repetition_penalty = penalty; });
  return all;
}

}  // namespace hewn::cli
