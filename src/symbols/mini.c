#include "symbols/mini.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>

#include "symbols/limit.h"

/* The size of the content stands at the end of an .xz file, under a checksum, so no growing buffer is needed. */
static int content_size(const uint8_t *data, size_t size, uint64_t *ret) {
    lzma_stream_flags flags;
    if (size < 2 * LZMA_STREAM_HEADER_SIZE ||
        lzma_stream_footer_decode(&flags, data + size - LZMA_STREAM_HEADER_SIZE) != LZMA_OK ||
        flags.backward_size > size - 2 * LZMA_STREAM_HEADER_SIZE)
        return -EBADMSG;
    lzma_index *index = NULL;
    uint64_t memory = LIMIT_MINI_BYTES;
    size_t position = size - LZMA_STREAM_HEADER_SIZE - (size_t)flags.backward_size;
    if (lzma_index_buffer_decode(&index, &memory, NULL, data, &position, size) != LZMA_OK)
        return -EBADMSG;
    *ret = lzma_index_uncompressed_size(index);
    lzma_index_end(index, NULL);
    return 0;
}

static int decompress(const Elf_Data *data, char **ret, size_t *ret_size) {
    uint64_t size = 0;
    int error = content_size(data->d_buf, data->d_size, &size);
    if (error || size == 0 || size > LIMIT_MINI_BYTES)
        return -EBADMSG;
    char *content = malloc((size_t)size);
    if (!content)
        return -ENOMEM;
    uint64_t memory = LIMIT_MINI_BYTES;
    size_t in = 0, out = 0;
    lzma_ret result = lzma_stream_buffer_decode(&memory, 0, NULL, data->d_buf, &in, data->d_size, (uint8_t *)content,
                                                &out, (size_t)size);
    if (result != LZMA_OK || out != size) {
        free(content);
        return -EBADMSG;
    }
    *ret = content;
    *ret_size = (size_t)size;
    return 0;
}

int mini_open(const struct elf_file *file, struct elf_file *ret) {
    GElf_Shdr header;
    Elf_Scn *section = elf_file_section(file, ".gnu_debugdata", 0, &header);
    if (!section || header.sh_type == SHT_NOBITS)
        return -ENOENT;
    Elf_Data *data = elf_rawdata(section, NULL);
    if (!data || !data->d_buf)
        return -EBADMSG;
    char *content = NULL;
    size_t size = 0;
    int error = decompress(data, &content, &size);
    return error ? error : elf_file_take_image(content, size, ret);
}
