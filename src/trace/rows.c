#include "trace/rows.h"

#include "base/grow.h"

static int add(struct rows *rows) {
    if (grow_array(&rows->rows, &rows->space, rows->n, sizeof *rows->rows))
        return -ENOMEM;
    rows->rows[rows->n++] = (struct row){0};
    return 0;
}

int rows_init(struct rows *rows, uint32_t reserved) {
    *rows = (struct rows){.first = reserved + 1, .lowest = reserved + 1};
    while (rows->n < rows->first)
        if (add(rows))
            return -ENOMEM;
    return 0;
}

void rows_done(struct rows *rows) {
    free(rows->rows);
    *rows = (struct rows){0};
}

uint32_t rows_take(struct rows *rows) {
    uint32_t row = rows->lowest;
    while (row < rows->n && rows->rows[row].is_taken)
        row++;
    if (row == rows->n && add(rows))
        return 0;
    rows->rows[row].is_taken = true;
    rows->lowest = row + 1;
    return row;
}

void rows_give_back(struct rows *rows, uint32_t row) {
    if (row < rows->first)
        return;
    rows->rows[row].is_taken = false;
    if (row < rows->lowest)
        rows->lowest = row;
}
