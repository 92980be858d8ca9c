#include "train/tasks/instruct_data.h"

namespace hewn {

InstructData open_instruct_data(const DataFiles& files, const ChatTemplate& chat) {
  return divide_rows<Talk>(files, find_talk_columns,
                           [&](const Table& table, int64_t row, const TalkColumns& columns, int64_t line) {
                             Talk talk = read_talk(table, row, columns, chat);
                             talk.line = line;
                             return talk;
                           });
}

}  // namespace hewn
