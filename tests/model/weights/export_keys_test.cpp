// No key of a model is lost in another program's format: it is refused by name, or the file that is written says it.

#include "core/text.h"
#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"

namespace hewn::test {
namespace {

// Other values of a key than a model has.
std::vector<KeyValue> other_values(const Key<ModelConfig>& key, const ModelConfig& config) {
  std::vector<KeyValue> values;
  if (const auto* choices = std::get_if<Choices>(&key.domain)) {
    for (size_t i = 0; name_at(choices->names, i) != "?"; ++i)
      values.emplace_back(std::string(name_at(choices->names, i)));
  } else if (const auto* numbers = std::get_if<Integers>(&key.domain)) {
    for (const int64_t n : {numbers->least, numbers->least + 2})
      if (n <= numbers->most) values.emplace_back(n);
  } else if (const auto* reals = std::get_if<Reals>(&key.domain)) {
    for (const double x : {0.5, 2.0, 1e-3})
      if (allows(*reals, x)) values.emplace_back(x);
  } else if (std::holds_alternative<Switch>(key.domain)) {
    values.emplace_back(!std::get<bool>(key.get(config)));
  }
  std::erase(values, key.get(config.resolved()));
  return values;
}

// Keys that change training or precision, not what a trained model computes.
bool is_harmless(const Key<ModelConfig>& key) {
  return key.change == Change::always || key.name == "residual_dtype";
}

std::vector<double> logits_of_tokens(Model& model) {
  const NoGrad none;
  const int64_t T = std::min<int64_t>(3, model.config().block_size);
  return model.logits(Tensor::from(cpu(), std::vector<int32_t>(static_cast<size_t>(T), 1), Shape{1, T}))
      .doubles();
}

bool is_valid(const ModelConfig& config) {
  try {
    config.check();
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

TEST_CASE("export: every key is refused by name, or read back as it was", "[export]") {
  int refused = 0, kept = 0;
  for (const ModelConfig& usual : {gpt2_like(), llama_like()})
    for (const auto& key : model_keys) {
      if (is_harmless(key) || key.from_data) continue;
      for (const KeyValue& value : other_values(key, usual)) {
        ModelConfig config = usual;
        key.set(config, value);
        if (!is_valid(config) || config.arch == "ngram") continue;  // n-grams are counted, not weighed
        const Exportable e(config);
        const std::vector<double> ours = logits_of_tokens(*e.model);
        for (const std::string_view format : export_formats()) {
          const std::string path = e.path("out." + std::string(format == "llama2c" ? "bin" : format));
          INFO(format << ": " << key.name << " = " << text_of(value));
          try {
            export_model(e.own, format, path);
          } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::usage);
            ++refused;
            continue;
          }
          const auto again = load_foreign(open_foreign(path), cpu());
          CHECK(close_by_norm(logits_of_tokens(*again), ours, 1e-5));
          ++kept;
        }
      }
    }
  CHECK(refused > 50);
  CHECK(kept > 50);
}

}  // namespace hewn::test
