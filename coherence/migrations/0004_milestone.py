from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('coherence', '0003_log_by_key')]

    operations = [
        migrations.CreateModel(
            name='Milestone',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                ('reached_at', models.DateTimeField()),
            ],
        ),
    ]
