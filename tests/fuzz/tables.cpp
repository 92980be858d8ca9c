// Files of rows.

#include "core/error.h"
#include "tests/fuzz/target.h"
#include "train/tables/structure.h"
#include "train/tables/table.h"

namespace hewn::test {
namespace {

/// Reads every value and writes the table back, which has to give the bytes that were read.
const AddFuzzTarget rows_target("table", [](std::string_view bytes) {
  structure_of(bytes);
  const Table table("table", std::string(bytes));
  const auto columns = std::min<int64_t>(std::ssize(table.columns()), 100);
  for (int64_t row = 0; row < table.rows(); ++row)
    for (int64_t column = 0; column < columns; ++column) {
      const ValueType type = table.type(row, column);
      if (type == ValueType::list || type == ValueType::object)
        touch(table.json(row, column).data(), table.json(row, column).size());
      if (type == ValueType::text || type == ValueType::number || type == ValueType::boolean)
        touch(table.text(row, column).data(), table.text(row, column).size());
    }
  if (table.rows() > 0)
    touch(table.where(table.rows() - 1, 0).data(), table.where(table.rows() - 1, 0).size());
  TableWriter writer(table, {});
  std::string again;
  for (int64_t row = 0; row < table.rows(); ++row) again += writer.row({});
  if (again + writer.rest() != bytes) std::abort();
});

}  // namespace
}  // namespace hewn::test
