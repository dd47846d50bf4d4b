from django.db import migrations, models


class Migration(migrations.Migration):
    """Not to be undone while somebody wishes for a language of twelve characters."""

    dependencies = [
        ('preferences', '0002_call_me_is_one_line'),
    ]

    operations = [
        migrations.AlterField(
            model_name='preferences',
            name='language',
            field=models.CharField(blank=True, help_text='A BCP 47 tag: de, pt-BR, zh-Hant-TW.', max_length=12),
        ),
    ]
