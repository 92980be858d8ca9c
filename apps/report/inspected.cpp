#include "apps/report/inspected.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/run/input.h"
#include "apps/run/run_config.h"
#include "apps/run/text/comparison.h"
#include "apps/run/text/drawn_text.h"
#include "core/error.h"
#include "core/io/path.h"
#include "core/rng.h"
#include "model/tokenizer/utf8.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/inspect/lens/logit_lens.h"
#include "train/inspect/lens/neighbours.h"
#include "train/inspect/trace/trace_json.h"
#include "train/plan.h"

namespace hewn::cli {
namespace {

constexpr size_t most_points_on_plane = 500;  // tokens of the vocabulary, whose pairs are compared
constexpr size_t most_positions = 64;         // of the position table
constexpr size_t most_lens_positions = 32;    // of the text
constexpr size_t shown_tokens = 3, pushed_tokens = 10;
constexpr int64_t longest_period = 24;  // of the repeated tokens that find induction heads
constexpr size_t histogram_parts = 48;
constexpr double dead_below = 1e-3;             // a unit whose |f(z)| stays below this is dead
constexpr int64_t most_untrained = 20'000'000;  // parameters of a model whose first weights are drawn again
constexpr double most_generated = 2.5e9;        // parameters times tokens

Row numbers_of(const std::vector<double>& values) { return json_list(values, short_number); }

Row histogram_of(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  std::vector<int64_t> counts(histogram_parts);
  const double width = *most - *least;
  for (const double v : values) {
    const double place = width > 0 ? (v - *least) / width * histogram_parts : 0;
    ++counts[std::min(histogram_parts - 1, static_cast<size_t>(std::max(0.0, place)))];
  }
  return {{"from", short_number(*least)}, {"to", short_number(*most)}, {"counts", counts}};
}

// The number of tokens to generate per text: as many as `most`, or as a large model can in a second or two.
int64_t generated_length(const InspectedModel& model, int64_t most) {
  const auto parameters = static_cast<double>(std::max<int64_t>(1, model.run.model->parameters().numel()));
  return std::clamp(static_cast<int64_t>(most_generated / parameters), int64_t{16}, most);
}

Row not_a_transformer(const InspectedModel& model, const std::string& what) {
  return missing_row(join("arch = ", model.config().arch, " has no ", what, "; only transformers have them"),
                     join(program(), " train --arch=gpt --out_dir=gpt"));
}

// The induction scores of all heads, [layers][heads], from a pass over random tokens that repeat; null for a context
// that is too short.
Row induction_scores(const InspectedModel& model) {
  const int64_t period = std::min(longest_period, model.config().block_size / 2);
  if (period < 2) return nullptr;
  Rng random(model.seed, 1);
  const auto vocabulary = static_cast<uint64_t>(
      model.tokenizer() ? std::min<int64_t>(model.tokenizer()->vocab_size(), model.config().vocab_size)
                        : model.config().vocab_size);
  std::vector<int32_t> tokens;
  for (int64_t t = 0; t < period; ++t) tokens.push_back(static_cast<int32_t>(random.below(vocabulary)));
  tokens.insert(tokens.end(), tokens.begin(), tokens.begin() + period);
  std::vector<int32_t> targets(tokens.size(), ignored_target);
  targets.back() = 0;
  LensPass pass(model.config());
  run_pass(*model.run.model, tokens, targets, pass);
  Row scores = Row::array();
  for (const AttentionMaps& maps : pass.attention()) {
    std::vector<double> heads;
    for (int64_t h = 0; h < maps.H; ++h) heads.push_back(induction_score(maps, h, period));
    scores.push_back(numbers_of(heads));
  }
  return scores;
}

Row read_tokens(const InspectedModel& model, size_t n) {
  return json_list(std::span(model.tokens).first(n), [&](int32_t id) { return model.token(id); });
}

Row shares_of(const InspectedModel& model, const std::vector<TokenShare>& shares) {
  return json_list(shares, [&](const TokenShare& s) {
    Row token = model.token(s.token);
    token["share"] = short_number(s.share);
    return token;
  });
}

// The first n rows of a matrix.
std::vector<double> first_rows(const Parameter& matrix, size_t n) {
  return matrix.value.sliced(0, 0, static_cast<int64_t>(n)).doubles();
}

Row plane_row(const std::vector<double>& coordinates, size_t k, size_t n) {
  std::vector<double> x(n), y(n);
  for (size_t i = 0; i < n; ++i) x[i] = coordinates[i * k], y[i] = k > 1 ? coordinates[i * k + 1] : 0;
  return {{"x", numbers_of(x)}, {"y", numbers_of(y)}};
}

}  // namespace

std::string InspectedModel::piece(int32_t id) const {
  if (!tokenizer() || id >= tokenizer()->vocab_size()) return join("#", id);
  const std::string_view bytes = tokenizer()->piece(id);
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint c = decode_utf8(bytes, at);
    if (c.bytes == 0) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02X",
                    static_cast<unsigned>(static_cast<unsigned char>(bytes[at])));
      text += escaped;
    } else {
      text += bytes.substr(at, c.bytes);
    }
    at += std::max<size_t>(1, c.bytes);
  }
  return text;
}

Row InspectedModel::token(int32_t id) const { return {{"id", id}, {"text", piece(id)}}; }

Row short_number(double x) {
  if (!std::isfinite(x)) return nullptr;
  return std::strtod(number_text(x).c_str(), nullptr);
}

std::string kind_of_token(const Tokenizer* tokenizer, int32_t id) {
  if (!tokenizer) return "tokens";
  for (const Special& special : tokenizer->specials())
    if (special.id == id) return "special tokens";
  const std::string_view text = tokenizer->piece(id);
  if (valid_utf8_prefix(text) < text.size()) return "parts of characters";
  size_t blanks = 0, digits = 0, letters = 0, capitals = 0, vowels = 0, all = 0;
  for (size_t at = 0; at < text.size(); ++all) {
    const CodePoint c = decode_utf8(text, at);
    at += c.bytes;
    blanks += is_white_space(c.value) ? 1 : 0;
    if (c.value >= U'0' && c.value <= U'9')
      ++digits;
    else if (is_word_character(c.value))
      ++letters;
    capitals += lower_case(c.value) != c.value ? 1 : 0;
    vowels += std::u32string_view(U"aeiou").find(c.value) != std::u32string_view::npos ? 1 : 0;
  }
  if (blanks == all) return "white space";
  const bool begins = is_white_space(decode_utf8(text, 0).value);
  const size_t others = all - (begins ? 1 : 0);
  if (digits == others) return "digits";
  if (letters == others && capitals > 0) return "with capitals";
  if (letters == others && all == 1) return vowels == 1 ? "vowels" : "other small letters";
  if (letters == others) return begins ? "words after a blank" : "parts of words";
  return letters + digits == 0 ? "punctuation" : "mixed";
}

Row attention_row(const InspectedModel& model, const LensPass& pass) {
  if (!model.gpt) return not_a_transformer(model, "attention");
  if (pass.attention().empty()) return missing_row("the model has no layers");
  const size_t T = model.tokens.size() - 1;
  std::vector<uint16_t> weights;
  Row entropy = Row::array(), distance = Row::array(), previous = Row::array();
  for (const AttentionMaps& maps : pass.attention()) {
    Row of_layer[3] = {Row::array(), Row::array(), Row::array()};
    for (int64_t h = 0; h < maps.H; ++h) {
      for (int64_t i = 0; i < maps.T; ++i)
        for (int64_t j = 0; j <= i; ++j) {
          const double p = maps.at(h, i, j);
          weights.push_back(
              static_cast<uint16_t>(std::lround(65535 * std::clamp(std::isnan(p) ? 0 : p, 0.0, 1.0))));
        }
      const HeadFigures figures = figures_of(maps, h);
      of_layer[0].push_back(short_number(figures.entropy));
      of_layer[1].push_back(short_number(figures.distance));
      of_layer[2].push_back(short_number(figures.previous));
    }
    entropy.push_back(of_layer[0]), distance.push_back(of_layer[1]), previous.push_back(of_layer[2]);
  }
  return {{"text", model.of_text},
          {"tokens", read_tokens(model, T)},
          {"layers", pass.attention().size()},
          {"heads", model.config().n_head},
          {"kv_heads", model.config().kv_heads()},
          {"window", model.config().window},
          {"entropy", entropy},
          {"distance", distance},
          {"previous", previous},
          {"induction", induction_scores(model)},
          {"weights", base64({reinterpret_cast<const char*>(weights.data()), 2 * weights.size()})}};
}

Row activations_row(const InspectedModel& model, const LensPass& pass) {
  if (!model.gpt) return not_a_transformer(model, "MLP");
  if (pass.units().empty()) return missing_row("the model has no layers");
  Row layers = Row::array();
  for (const MlpUnits& units : pass.units()) {
    int64_t dead = 0;
    for (int64_t f = 0; f < units.F; ++f) {
      double most = 0;
      for (auto i = static_cast<size_t>(f); i < units.after.size(); i += static_cast<size_t>(units.F))
        most = std::max(most, std::fabs(units.after[i]));
      dead += most < dead_below ? 1 : 0;
    }
    layers.push_back({{"before", histogram_of(units.before)},
                      {"after", histogram_of(units.after)},
                      {"units", units.F},
                      {"dead", dead}});
  }
  return {{"act", name_of(model.config().act)},
          {"tokens", model.tokens.size() - 1},
          {"dead_below", dead_below},
          {"layers", layers}};
}

Row memory_row(const InspectedModel& model, const LensPass& pass) {
  Row bytes = Row::array(), use = Row::object();
  int64_t turn = 0;
  for (const MemoryMoment& moment : pass.memory()) {
    turn += moment.backward ? 0 : 1;
    bytes.push_back(moment.bytes);
  }
  const MemStats& stats = model.run.device->pool().stats();
  for (int i = 0; i < n_mem_uses; ++i)
    use[std::string(name_of(static_cast<MemUse>(i)))] = stats.at_peak_by_use[i];
  return {{"tokens", model.tokens.size() - 1},
          {"bytes", bytes},
          {"recorded", turn},
          {"peak", stats.peak},
          {"at_peak", use}};
}

Row lens_row(const InspectedModel& model, const LensPass& pass) {
  if (!model.gpt) return not_a_transformer(model, "residual stream");
  if (model.config().classifies()) return missing_row("a classifier predicts labels, not tokens");
  const size_t n = std::min(most_lens_positions, model.tokens.size() - 1);
  const std::vector<int32_t> targets(model.tokens.begin() + 1,
                                     model.tokens.begin() + 1 + static_cast<std::ptrdiff_t>(n));
  Row depths = Row::array();
  for (size_t depth = 0; depth < pass.stream().size(); ++depth) {
    Row cells = Row::array();
    for (const LensCell& cell : lens_cells(*model.gpt, pass.stream()[depth], targets, shown_tokens))
      cells.push_back(
          {{"top", shares_of(model, cell.top)}, {"target", short_number(cell.target)}, {"rank", cell.rank}});
    depths.push_back({{"after", depth == 0 ? "embeddings" : join("block ", depth - 1)}, {"cells", cells}});
  }
  const Row follow = json_list(targets, [&](int32_t id) { return model.token(id); });
  return {
      {"text", model.of_text}, {"tokens", read_tokens(model, n)}, {"targets", follow}, {"depths", depths}};
}

Row gradient_row(const InspectedModel& model, const LensPass& pass, double loss) {
  if (!model.gpt) return not_a_transformer(model, "residual stream");
  if (model.config().classifies()) return missing_row("a classifier predicts labels, not tokens");
  const size_t n = std::min(most_lens_positions, model.tokens.size() - 1);
  const std::vector<int32_t> targets(model.tokens.begin() + 1,
                                     model.tokens.begin() + 1 + static_cast<std::ptrdiff_t>(n));
  const HeadPush push = head_push(*model.gpt, pass.stream().back(), targets, pushed_tokens);
  Row positions = Row::array();
  for (size_t t = 0; t < n; ++t) {
    const PositionPush& at = push.positions[t];
    std::vector<TokenShare> down = at.down;
    down.resize(std::min(down.size(), shown_tokens));
    positions.push_back({{"token", model.token(model.tokens[t])},
                         {"target", model.token(at.target)},
                         {"probability", short_number(at.probability)},
                         {"down", shares_of(model, down)}});
  }
  const auto with_norms = [&](const std::vector<TokenShare>& tokens) {
    Row out = shares_of(model, tokens);
    for (size_t i = 0; i < tokens.size(); ++i)
      out[i]["norm"] = short_number(push.row_norms[static_cast<size_t>(tokens[i].token)]);
    return out;
  };
  return {{"loss", short_number(loss)},
          {"positions", positions},
          {"up", with_norms(push.up)},
          {"down", with_norms(push.down)}};
}

Row embeddings_row(const InspectedModel& model) {
  Parameters& parameters = model.run.model->parameters();
  const Parameter* table = nullptr;
  for (const char* name : {"transformer.wte.weight", "wte.weight", "table.weight"})
    if (!table) table = parameters.find(name);
  if (!table)
    return missing_row(join("arch = ", model.config().arch, " has no embeddings of tokens"),
                       join(program(), " train --arch=gpt --out_dir=gpt"));
  const int64_t known = model.tokenizer()
                            ? std::min<int64_t>(model.tokenizer()->vocab_size(), table->shape[0])
                            : table->shape[0];
  const size_t n = std::min(static_cast<size_t>(known), most_points_on_plane),
               dims = static_cast<size_t>(table->shape[1]);
  const std::vector<double> values = first_rows(*table, n);
  const Points points{values, n, dims};
  Row out{{"tokens", Row::array()}, {"left_out", static_cast<size_t>(known) - n}};
  for (size_t i = 0; i < n; ++i) {
    Row token = model.token(static_cast<int32_t>(i));
    token["kind"] = kind_of_token(model.tokenizer(), static_cast<int32_t>(i));
    out["tokens"].push_back(std::move(token));
  }
  const Components components = principal_components(points, 2);
  out["pca"] = plane_row(components.coordinates, components.k, n);
  out["pca"]["explained"] = numbers_of(components.explained);
  out["tsne"] = row_or_reason([&] {
    const Neighbours plane = neighbours_on_plane(points);
    Row row = plane_row(plane.coordinates, 2, n);
    row.update({{"divergence", short_number(plane.divergence)},
                {"perplexity", plane.perplexity},
                {"iterations", plane.iterations}});
    return row;
  });
  return out;
}

Row positions_row(const InspectedModel& model) {
  const Parameter* table = model.run.model->parameters().find("transformer.wpe.weight");
  if (!table)
    return missing_row(model.gpt ? "the model has no learned table of positions (pos is not learned)"
                                 : "the architecture has no positions",
                       join(program(), " train --pos=learned --out_dir=learned"));
  const auto n = static_cast<size_t>(table->shape[0]), dims = static_cast<size_t>(table->shape[1]);
  const std::vector<double> values = first_rows(*table, n);
  const size_t every = (n + most_positions - 1) / most_positions;
  std::vector<size_t> chosen;
  for (size_t i = 0; i < n; i += every) chosen.push_back(i);
  const auto product = [&](size_t a, size_t b) {
    double sum = 0;
    for (size_t d = 0; d < dims; ++d) sum += values[a * dims + d] * values[b * dims + d];
    return sum;
  };
  Row rows = Row::array();
  for (const size_t a : chosen) {
    Row row = Row::array();
    for (const size_t b : chosen) {
      const double cosine = product(a, b) / std::sqrt(product(a, a) * product(b, b));
      row.push_back(short_number(std::strtod(fixed(cosine, 4).c_str(), nullptr)));
    }
    rows.push_back(std::move(row));
  }
  return {{"positions", chosen}, {"of", n}, {"similarity", rows}};
}

Row decoding_row(const InspectedModel& model, const Settings& settings) {
  if (!model.tokenizer()) return missing_row(model.run.run + " cannot write text: " + model.run.no_tokenizer);
  Settings sampling(*find_command("sample"));
  const int64_t most =
      std::min<int64_t>(generated_length(model, 60), std::max<int64_t>(1, model.config().block_size - 1));
  sampling.set({"max_new_tokens", std::to_string(most), "the report"});
  sampling.set({"seed", std::to_string(model.seed), "the report"});
  if (settings.has("prompt")) sampling.set({"prompt", settings.text("prompt"), settings.where("prompt")});
  const std::vector<Prompt> prompts = prompts_of(sampling, model.run.texts());
  require(prompts.size() == 1, settings.where("prompt"), ": a report accepts one prompt, not ",
          prompts.size());
  return {{"prompt", prompts[0].text},
          {"max_new_tokens", most},
          {"methods", compared_texts(sampling, model.run, prompts[0], nullptr)}};
}

Row sampled_texts_row(const InspectedModel& model, const Settings& settings) {
  const std::string directory = run_of(model.run.run);
  const std::vector<CheckpointInfo> all = list_checkpoints(directory);
  const int64_t length = generated_length(model, 200);
  const DType dtype = model.run.model->parameters().product_dtype();
  Row texts = Row::array();
  const auto add = [&](Model& from, int64_t step, const std::string& label) {
    texts.push_back({{"step", step},
                     {"label", label},
                     {"text", drawn_text(from, model.run.texts(), length, model.seed)}});
  };
  const bool fine_tuned = path_exists(directory + "/task.json");  // from weights of another run
  if (!model.run.model->counted() && !fine_tuned && model.run.model->parameters().numel() <= most_untrained) {
    const auto untrained = make_model(model.config(), *model.run.device, dtype, model.seed, false);
    add(*untrained, 0, "Untrained: random weights");
  }
  std::vector<size_t> chosen;  // the first, the one in the middle and the last
  for (const size_t i : {size_t{0}, all.size() / 2, all.size() - 1})
    if (i < all.size() && (chosen.empty() || chosen.back() != i)) chosen.push_back(i);
  for (const size_t i : chosen) {
    const DirectoryInUse use(all[i].path);
    if (!use.is_there()) continue;       // a training has removed it meanwhile
    (void)hold_checkpoint(all[i].path);  // which compares it with its MANIFEST
    const auto from = open_checkpoint(all[i].path, *model.run.device, dtype, moved_base(settings));
    add(*from, all[i].step, join("Checkpoint of step ", all[i].step));
  }
  if (all.empty()) add(*model.run.model, -1, "The model");
  return {{"texts", texts}, {"kept", texts.size()}, {"sampled", true}, {"tokens", length}};
}

}  // namespace hewn::cli
