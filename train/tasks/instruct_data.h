#pragma once
// The talks of a data file, divided into training, validation and test rows.

#include "train/tasks/divided_rows.h"

namespace hewn {

using InstructData = DividedRows<Talk>;

/// Opens the tables and reads all rows as talks. Throws like `divide_rows`, `find_talk_columns` and `read_talk`.
InstructData open_instruct_data(const DataFiles& files, const ChatTemplate& chat);

}  // namespace hewn
