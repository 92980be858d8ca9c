#include "train/judge/responses.h"

#include "core/error.h"

namespace hewn {

std::vector<Response> responses_in(const Table& table) {
  const auto required = [&](const char* name) {
    const auto column = table.find_column(name);
    if (!column)
      fail(ErrorCode::input, table.name(), ": has no \"", name,
           "\"; expected rows with instruction, input, output and response");
    return *column;
  };
  const int64_t instruction = required("instruction"), response = required("response");
  const auto input = table.find_column("input"), output = table.find_column("output");
  const auto text_if_there = [&](int64_t row, const std::optional<int64_t>& column) {
    const bool there = column && table.type(row, *column) != ValueType::missing &&
                       table.type(row, *column) != ValueType::null;
    return there ? std::string(table.text(row, *column)) : std::string();
  };
  std::vector<Response> rows;
  for (int64_t row = 0; row < table.rows(); ++row)
    rows.push_back({std::string(table.text(row, instruction)), text_if_there(row, input),
                    text_if_there(row, output), std::string(table.text(row, response))});
  return rows;
}

}  // namespace hewn
