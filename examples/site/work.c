#include "work.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMPARED_BYTES 512u /* of each page's beginning */
#define SLOW_MS 200

static unsigned least(unsigned a, unsigned b, unsigned c) {
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance: how many letters to insert, delete or replace to make the one text from the other. */
static unsigned edit_distance(const char *a, size_t a_size, const char *b, size_t b_size) {
    unsigned row[COMPARED_BYTES + 1];
    for (size_t j = 0; j <= b_size; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_size; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            unsigned above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_size];
}

static size_t compared_size(const struct page *page) {
    return page->markdown.size < COMPARED_BYTES ? page->markdown.size : COMPARED_BYTES;
}

void work_cpu(const struct pages *pages, struct text *ret) {
    text_format(ret, "# How alike are our pages?\n\nLetters to change among the first %u.\n\n", COMPARED_BYTES);
    for (size_t i = 0; i < pages->n_pages; i++) {
        const struct page *one = &pages->pages[i];
        for (size_t j = 0; j < i; j++) {
            const struct page *other = &pages->pages[j];
            unsigned distance =
                edit_distance(one->markdown.data, compared_size(one), other->markdown.data, compared_size(other));
            text_format(ret, "- %s and %s: %u\n", one->name, other->name, distance);
        }
    }
}

struct word {
    char *letters;
    unsigned count;
    struct word *next;
};

#define WORD_CHAINS 256u

static void count_word(struct word *chains[], const char *letters, size_t n_letters) {
    char *copy = strndup(letters, n_letters); /* also of a word that is known already: seen in the allocs profile */
    if (!copy)
        abort();
    unsigned hash = 0;
    for (size_t i = 0; i < n_letters; i++)
        hash = hash * 31 + (unsigned char)letters[i];
    struct word **chain = &chains[hash % WORD_CHAINS];
    for (struct word *word = *chain; word; word = word->next) {
        if (strcmp(word->letters, copy) == 0) {
            word->count++;
            free(copy);
            return;
        }
    }
    struct word *word = malloc(sizeof *word);
    if (!word)
        abort();
    *word = (struct word){.letters = copy, .count = 1, .next = *chain};
    *chain = word;
}

static void count_words(struct word *chains[], const char *text) {
    static const char *const separators = " \t\r\n.,:;!?()[]{}<>*_`'\"/#=|-";
    while (*(text += strspn(text, separators))) {
        size_t n_letters = strcspn(text, separators);
        count_word(chains, text, n_letters);
        text += n_letters;
    }
}

/* Add the words used at least `often` times to the list, and free all. */
static void list_words(struct word *chains[], unsigned often, struct text *ret) {
    for (unsigned i = 0; i < WORD_CHAINS; i++) {
        struct word *next;
        for (struct word *word = chains[i]; word; word = next) {
            next = word->next;
            if (word->count >= often)
                text_format(ret, "- `%s`: %u times\n", word->letters, word->count);
            free(word->letters);
            free(word);
        }
    }
}

void work_allocation(const struct pages *pages, struct text *ret) {
    struct word *chains[WORD_CHAINS] = {0};
    for (size_t i = 0; i < pages->n_pages; i++)
        count_words(chains, pages->pages[i].markdown.data);
    text_format(ret, "# Which words do we use most?\n\n");
    list_words(chains, 20, ret);
}

void work_contention(struct cache *cache, struct text *ret) {
    unsigned kept = 0;
    for (unsigned edition = 0; edition < PAGES_EDITIONS; edition += 32) {
        struct text path = {0}, page = {0};
        text_format(&path, "/edition/%u", edition);
        kept += cache_get(cache, path.data, &page);
        free(page.data);
        free(path.data);
    }
    text_format(ret, "# What is in the cache?\n\n%u of each 256 editions of the front page.\n", kept);
}

/* Stands for a slow database. */
static void slow_job(void *argument) {
    (void)argument;
    nanosleep(&(struct timespec){.tv_nsec = SLOW_MS * 1000000L}, NULL);
}

void work_slow(struct queue *queue, struct text *ret) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    queue_run(queue, slow_job, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    long ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    text_format(ret, "# A slow page\n\nThe work takes %d ms. With the waiting in the queue it took %ld ms.\n", SLOW_MS,
                ms);
}
