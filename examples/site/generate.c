#include "generate.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pages.h"
#include "text.h"

struct work {
    const struct generate_options *options;
    struct pages pages;
    pthread_mutex_t mutex; /* guards all below */
    unsigned next;         /* of the pages first, then of the editions */
    bool failed;
};

static bool say_failed(const char *path) {
    fprintf(stderr, "site: cannot write %s: %s\n", path, strerror(errno));
    return false;
}

/* One after the other, so that threads meet at the mutex when pages are small. */
static bool take(struct work *work, unsigned *ret) {
    pthread_mutex_lock(&work->mutex);
    *ret = work->next;
    bool more = !work->failed && work->next < work->pages.n_pages + work->options->editions;
    work->next += more;
    pthread_mutex_unlock(&work->mutex);
    return more;
}

static void fail(struct work *work) {
    pthread_mutex_lock(&work->mutex);
    work->failed = true;
    pthread_mutex_unlock(&work->mutex);
}

static void render(const struct work *work, unsigned number, struct text *path, struct text *ret) {
    const struct pages *pages = &work->pages;
    const char *folder = work->options->output_folder;
    if (number < pages->n_pages) {
        text_format(path, "%s/%s.html", folder, pages->pages[number].name);
        pages_render(pages, &pages->pages[number].markdown, ret);
    } else {
        unsigned edition = number - (unsigned)pages->n_pages;
        text_format(path, "%s/edition/%u.html", folder, edition);
        pages_render_front(pages, edition, ret);
    }
}

static bool write_page(const char *path, const struct text *html) {
    FILE *file = fopen(path, "we");
    if (!file)
        return say_failed(path);
    bool whole = fwrite(html->data, 1, html->size, file) == html->size;
    if (fclose(file) || !whole)
        return say_failed(path);
    return true;
}

static void *make_pages(void *data) {
    struct work *work = data;
    unsigned number;
    while (take(work, &number)) {
        struct text path = {0}, html = {0};
        render(work, number, &path, &html);
        if (!write_page(path.data, &html))
            fail(work);
        free(html.data);
        free(path.data);
    }
    return NULL;
}

static bool make_folder(const char *path) {
    if (mkdir(path, 0755) && errno != EEXIST)
        return say_failed(path);
    return true;
}

static bool make_folders(const char *folder) {
    struct text editions = {0};
    text_format(&editions, "%s/edition", folder);
    bool made = make_folder(folder) && make_folder(editions.data);
    free(editions.data);
    return made;
}

/* The calling thread works too, and alone when no other can be had. */
static void make_all(struct work *work) {
    unsigned n = 0, more = work->options->threads - 1;
    pthread_t *threads = calloc(more + 1, sizeof *threads);
    if (!threads)
        abort();
    while (n < more && pthread_create(&threads[n], NULL, make_pages, work) == 0)
        n++;
    make_pages(work);
    while (n > 0)
        pthread_join(threads[--n], NULL);
    free(threads);
}

bool generate(const struct generate_options *options) {
    struct work work = {.options = options, .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct text missing = {0};
    if (!pages_load(options->content_folder, &work.pages, &missing)) {
        fprintf(stderr, "site: cannot read %s\n", missing.data);
        free(missing.data);
        return false;
    }
    work.failed = !make_folders(options->output_folder);
    if (!work.failed)
        make_all(&work);
    if (!work.failed)
        printf("site: %u pages in %s\n", work.next, options->output_folder);
    pages_done(&work.pages);
    return !work.failed;
}
